// A trajectory continued from a turn: what a new run has to begin with so that everything before
// that turn is as it was, and everything from there on is new.
import { encodeKept } from "../../actors/index.ts";
import {
  type EventData,
  type EventEnvelope,
  type HashName,
  hashName,
  type Parent,
  parseTrajectory,
  type Sampling,
  streams,
  type Task,
} from "../../events/index.ts";
import { ForkError } from "./errors.ts";
import type { ForkReader, ForkStart } from "./fork-step.ts";
import { Holdings } from "./holdings.ts";
import { learnedSteps } from "./learned-steps.ts";
import { positionOf } from "./position.ts";
import { recordedTask } from "./recorded-task.ts";

export interface TurnPlace {
  readonly reader: ForkReader;
  /** The run's own name. */
  readonly run: string;
  readonly started: EventData<"run.started">;
  /** The trajectory's short name: `STEP.GROUP.SAMPLE`, or `eN.GROUP.SAMPLE`. */
  readonly trajectory: string;
  /** The first turn that is sampled anew. */
  readonly turn: number;
}

export interface TurnForkOptions extends TurnPlace {
  /** What samples it; null: the trajectory's own policy. */
  readonly policy: HashName | null;
  /** The optimizer's state of a run that learns nothing. */
  readonly optimizer: Uint8Array;
}

/** What a continuation begins with, and how its trajectory was sampled. */
export interface TurnFork {
  readonly start: ForkStart;
  readonly sampling: Sampling;
}

/** Gathers what a continuation from a turn begins with. @throws {ForkError} */
export async function forkAtTurn(options: TurnForkOptions): Promise<TurnFork> {
  const { reader, optimizer } = options;
  const { parent, began, kept, images } = await partingAtTurn(options);
  const policy = options.policy ?? began.policy;
  const { run, started, trajectory } = options;
  const learner = await reader.readStream(streams.learner(run));
  const holdings = await Holdings.open(reader, started, learner);
  const here = learnedSteps(started, learner)
    .filter((one) => !holdings.gone.has(one.policy))
    .map(({ step }) => step);
  const mend = `continue it with another one: --policy STEP, of ${stepsShown(here)}`;
  const blobs = [await holdings.take(policy, `the policy of ${trajectory},`, mend)];
  for (const name of new Set(images)) {
    blobs.push(await holdings.take(name, "the image", "it cannot be continued"));
  }
  const names = { base: options.started.base, policy, optimizer: hashName(optimizer), parent };
  return { start: { ...names, blobs: [optimizer, kept, ...blobs] }, sampling: began.sampling };
}

/** Where a continuation parts, and what it keeps. @throws {ForkError} */
export async function partingAtTurn({ reader, run, trajectory, turn }: TurnPlace): Promise<{
  readonly parent: Parent;
  readonly began: EventData<"trajectory.started">;
  readonly kept: Uint8Array;
  readonly images: readonly HashName[];
}> {
  const stream = `trajectory/${run}/${trajectory}`;
  const name = parseTrajectory(stream);
  const events = name === null ? [] : await reader.readStream(stream);
  const began = events[0]?.data as EventData<"trajectory.started"> | undefined;
  const task = name === null ? null : await recordedTask(reader, run, name);
  if (began === undefined || task === null) {
    throw new ForkError(`there is no trajectory ${trajectory} in ${run}`);
  }
  const before = eventsBefore(events, trajectory, turn);
  const last = before.at(-1) as EventEnvelope;
  const kept = encodeKept(task, before);
  const policies = before.flatMap(({ type, data }) =>
    type === "turn.sampled" ? [(data as EventData<"turn.sampled">).policy] : [],
  );
  const at = { type: "trajectory", trajectory, turn, policies, kept: hashName(kept) } as const;
  const parent = { run, ...(await positionOf(reader, last)), at };
  return { parent, began, kept, images: imagesOf(task, before) };
}

/** Steps that are named to whoever asked for one that is gone. */
const stepsShownMax = 8;

function stepsShown(steps: readonly number[]): string {
  const last = steps.slice(-stepsShownMax).join(", ");
  return steps.length > stepsShownMax ? `the last ones here, ${last}` : last;
}

/** Everything up to where turn `turn` is sampled. */
function eventsBefore(
  events: readonly EventEnvelope[],
  trajectory: string,
  turn: number,
): readonly EventEnvelope[] {
  const turns = events.filter(({ type }) => type === "turn.sampled");
  const first = turns[turn];
  if (first !== undefined) return events.filter(({ seq }) => seq < first.seq);
  const known = turns.length === 0 ? "it has none yet" : `it has turns 0 to ${turns.length - 1}`;
  throw new ForkError(`${trajectory} has no turn ${turn}: ${known}`);
}

/** The images that a task and events name. */
function imagesOf(task: Task, events: readonly EventEnvelope[]): readonly HashName[] {
  const named = events.flatMap(({ data }) => {
    const { image = null, images = [] } = data as {
      readonly image?: HashName | null;
      readonly images?: readonly HashName[];
    };
    return [image, ...images];
  });
  return [task.image, task.reference, ...named].filter((name) => name !== null);
}
