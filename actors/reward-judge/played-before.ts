// What a run's evaluations before its first step came to, task by task, from its ledger.
import {
  type EventData,
  type EventEnvelope,
  parseTrajectory,
  streams,
} from "../../events/index.ts";
import type { PlayedBefore } from "./correction-rule.ts";

/** Events of a stream, from one on, at most so many. */
type ReadStream = (
  stream: string,
  fromSeq?: number,
  limit?: number,
) => Promise<readonly EventEnvelope[]>;

const pageEvents = 1_000;

/** Reads the evaluations of `run` that ended before its first step. */
export function playedBefore(readStream: ReadStream, run: string): PlayedBefore {
  return async (names) => {
    const rewards = await exactMatches(readStream, run);
    const values = new Map<string, number[]>();
    for (const evaluation of await evaluationsBefore(readStream, run, new Set(names))) {
      for (const { id, trajectory } of await placesOf(readStream, run, evaluation)) {
        const em = rewards.get(trajectory);
        if (em !== undefined) values.set(id, [...(values.get(id) ?? []), em]);
      }
    }
    return new Map([...values].map(([id, all]) => [id, mean(all)]));
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The trajectories of an evaluation, each with its task's id; none where it has not begun. */
async function placesOf(readStream: ReadStream, run: string, evaluation: number) {
  const [started] = await readStream(streams.evaluation(run, evaluation), 1, 1);
  if (started === undefined) return [];
  const { tasks, samples = 1 } = started.data as EventData<"evaluation.started">;
  return tasks.flatMap(({ id }, group) =>
    Array.from({ length: samples }, (_, sample) => ({
      id,
      trajectory: streams.trajectory(run, `e${evaluation}`, group, sample),
    })),
  );
}

/** The numbers of the evaluations of these names that were planned before the first step. */
async function evaluationsBefore(
  readStream: ReadStream,
  run: string,
  names: ReadonlySet<string>,
): Promise<readonly number[]> {
  const numbers: number[] = [];
  for await (const { type, data } of eventsOf(readStream, streams.run(run))) {
    if (type === "step.planned") break;
    if (type !== "evaluation.planned") continue;
    const { name, evaluation } = data as EventData<"evaluation.planned">;
    if (names.has(name)) numbers.push(evaluation);
  }
  return numbers;
}

/** Exact match by trajectory, of those that were judged before any of a step. */
async function exactMatches(
  readStream: ReadStream,
  run: string,
): Promise<ReadonlyMap<string, number>> {
  const matches = new Map<string, number>();
  for await (const { data } of eventsOf(readStream, streams.judge(run))) {
    const { trajectory, em } = data as EventData<"reward.assigned">;
    if (typeof parseTrajectory(trajectory)?.step === "number") break;
    matches.set(trajectory, em);
  }
  return matches;
}

/** The events of a stream, page by page. */
async function* eventsOf(readStream: ReadStream, stream: string): AsyncGenerator<EventEnvelope> {
  for (let next = 1; ; next += pageEvents) {
    const page = await readStream(stream, next, pageEvents);
    yield* page;
    if (page.length < pageEvents) return;
  }
}
