// What a run that continues a trajectory keeps of it: the task, and everything that was said before
// the turn from which it goes on. It is one blob, which the run's first event names.
//
// 1. The kept part goes through the same effects and decisions as any other: what was sampled and
//    what tools answered is taken from here, and everything else has to follow again. Before the
//    first new turn the context must be the kept one, to the last token (I6).
// 2. New turns draw on the kept trajectory's own place and on the number of the continuation: no
//    other turn of either run has these random numbers.
import { isDeepStrictEqual } from "node:util";
import {
  beforeTurn,
  currentEvent,
  decode,
  type EventData,
  type EventEnvelope,
  type EventType,
  encode,
  type HashName,
  parseEventData,
  parseTrajectory,
  type Task,
  type TrajectoryName,
} from "../../events/index.ts";
import { EvidenceError } from "../errors.ts";
import { foldTrajectory } from "./fold-trajectory.ts";
import type { PendingCall, TrajectoryContext } from "./machine.ts";

/** The largest kept part: contexts and tools' answers are bounded, and so is their sum. */
const keptBytesMax = 256 * 2 ** 20;

type KeptEvent = Pick<EventEnvelope, "type" | "v" | "data">;

export interface Kept {
  /** The trajectory that it was. */
  readonly origin: TrajectoryName;
  /** The first turn that is sampled anew. */
  readonly turn: number;
  readonly task: Task;
  readonly turns: readonly EventData<"turn.sampled">[];
  readonly calls: readonly PendingCall[];
  readonly answers: readonly EventData<"tool.returned">[];
  /** The state before the first new turn. */
  readonly context: TrajectoryContext;
}

/** The blob: a task, and a trajectory's first events without what was merely observed. */
export function encodeKept(task: Task, events: readonly EventEnvelope[]): Uint8Array {
  const kept = events.map(({ type, v, data }) => ({ type, v, data: unobserved(data) }));
  return encode({ task, events: kept }, keptBytesMax);
}

/** What the run that began with `started` continues; null where it continues nothing. */
export async function keptOf(
  started: Pick<EventData<"run.started">, "parent">,
  readBlob: (name: HashName) => Promise<Uint8Array | null>,
): Promise<Kept | null> {
  const at = beforeTurn(started);
  if (at === null) return null;
  const bytes = await readBlob(at.kept);
  if (bytes === null) throw new EvidenceError(`what the run continues, ${at.kept}, is not stored`);
  const { task, events } = decode(bytes, keptBytesMax) as {
    readonly task: Task;
    readonly events: readonly KeptEvent[];
  };
  const stream = `trajectory/${started.parent?.run}/${at.trajectory}`;
  const origin = parseTrajectory(stream);
  if (origin === null) throw new EvidenceError(`${at.trajectory} names no trajectory`);
  const read = enveloped(stream, events).map((event) => {
    const current = currentEvent(event);
    return { ...current, data: parseEventData(current.type as EventType, current.data) };
  });
  const all = <T extends EventType>(type: T) =>
    read.filter((one) => one.type === type).map(({ data }) => data as EventData<T>);
  return {
    ...{ origin, turn: at.turn, task },
    turns: all("turn.sampled"),
    calls: all("tool.called"),
    answers: all("tool.returned"),
    context: foldTrajectory(stream, read),
  };
}

/** The kept answer to a call that is the one of its number; null where that is a new one. */
export function keptAnswer(
  kept: Kept | null,
  call: PendingCall,
  number: number,
): EventData<"tool.returned"> | null {
  const answer = kept?.answers[number];
  if (answer === undefined) return null;
  const { turn, tool, input, image } = kept?.calls[number] ?? call;
  if (isDeepStrictEqual({ turn, tool, input, image }, call)) return answer;
  throw new EvidenceError(otherwise(`turn ${call.turn} calls another tool or program`));
}

/** Asserts that the context before the first new turn is the kept one. @throws {EvidenceError} */
export function requireKept({ turn, context }: Kept, reached: TrajectoryContext): void {
  const isSame =
    isDeepStrictEqual(idsOf(reached), idsOf(context)) &&
    isDeepStrictEqual(reached.images, context.images) &&
    reached.calls === context.calls;
  if (!isSame) throw new EvidenceError(otherwise(`turn ${turn} would see another context`));
}

function otherwise(what: string): string {
  return (
    `with these settings and this build ${what} than it did: a trajectory is continued under the ` +
    "protocol, the limits and the build that played it"
  );
}

function idsOf({ segments }: TrajectoryContext): number[] {
  return segments.flatMap(({ ids }) => [...ids]);
}

function unobserved(data: unknown): unknown {
  const { observed: _, ...rest } = data as Readonly<Record<string, unknown>>;
  return rest;
}

/** Events as the fold takes them, which looks at type and data. */
function enveloped(stream: string, events: readonly KeptEvent[]): EventEnvelope[] {
  return events.map((event, index) => ({
    ...{ id: "", stream, seq: index + 1, time: 0, cause: null, command: "", trace: null },
    ...{ epoch: 0, by: "" },
    ...event,
  }));
}
