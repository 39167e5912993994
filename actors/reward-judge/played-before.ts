// What a run's evaluations before its first step came to, task by task, from its ledger. Those of a
// fork lie in its parent's: it has brought along what they came to.
import {
  afterStep,
  type EventData,
  type EventEnvelope,
  type HashName,
  parseTrajectory,
  streams,
} from "../../events/index.ts";
import { carriedBaseline } from "./carried-baseline.ts";
import type { PlayedBefore } from "./correction-rule.ts";

/** Events of a stream, from one on, at most so many. */
type ReadStream = (
  stream: string,
  fromSeq?: number,
  limit?: number,
) => Promise<readonly EventEnvelope[]>;

const pageEvents = 1_000;

/** Reads the evaluations of `run` that ended before its first step. */
export function playedBefore(
  readStream: ReadStream,
  run: string,
  readBlob: (name: HashName) => Promise<Uint8Array | null>,
): PlayedBefore {
  return async (names) => {
    const forked = await forkedIn(readStream, run);
    if (forked !== null) {
      const exactMatch = await carriedBaseline(run, forked, names, readBlob);
      return { exactMatch, isCarried: true, isOver: true };
    }
    const rewards = await exactMatches(readStream, run);
    const values = new Map<string, number[]>();
    const { numbers, isOver } = await evaluationsBefore(readStream, run, new Set(names));
    for (const evaluation of numbers) {
      for (const { id, trajectory } of await placesOf(readStream, run, evaluation)) {
        const em = rewards.get(trajectory);
        if (em !== undefined) values.set(id, [...(values.get(id) ?? []), em]);
      }
    }
    const exactMatch = new Map([...values].map(([id, all]) => [id, mean(all)]));
    return { exactMatch, isCarried: false, isOver };
  };
}

async function forkedIn(readStream: ReadStream, run: string) {
  const [first] = await readStream(streams.run(run), 1, 1);
  return first === undefined ? null : afterStep(first.data as EventData<"run.started">);
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

/**
 * The numbers of the evaluations of these names that were planned before the first step, and
 * whether that was planned.
 */
async function evaluationsBefore(
  readStream: ReadStream,
  run: string,
  names: ReadonlySet<string>,
): Promise<{ readonly numbers: readonly number[]; readonly isOver: boolean }> {
  const numbers: number[] = [];
  for await (const { type, data } of eventsOf(readStream, streams.run(run))) {
    if (type === "step.planned") return { numbers, isOver: true };
    if (type !== "evaluation.planned") continue;
    const { name, evaluation } = data as EventData<"evaluation.planned">;
    if (names.has(name)) numbers.push(evaluation);
  }
  return { numbers, isOver: false };
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
