// What holds of every event, whatever it says: its place in its stream, its cause, its author
// and the lease under which it was written.
import { type EventEnvelope, leaseOf, parseTrajectory } from "../../../events/index.ts";
import type { StreamFacts } from "../book.ts";
import type { EnvelopeCheck } from "../check.ts";

const sequences: EnvelopeCheck = {
  name: "sequences",
  about: "the events of every stream are numbered without gaps",
  fault: ({ seq }, last) =>
    seq === last.seq + 1 ? null : `it is event ${seq} of its stream, after event ${last.seq}`,
};

const causes: EnvelopeCheck = {
  name: "causes",
  about: "the event that led to another one was there before",
  fault(event, last, book) {
    const { cause } = event;
    if (cause === null) return undefined;
    return isToolCause(event, last) || book.hasId(cause, last)
      ? null
      : `no earlier event is its cause, ${cause}`;
  },
};

/**
 * In version 1 of a tool's answer what came of the call stood where the cause of its events
 * belongs. Known by the event's own data, or by the event before it of the same command.
 */
function isToolCause(event: EventEnvelope, last: StreamFacts): boolean {
  const { type, v, data, command, cause } = event;
  if (cause?.length === idChars) return false;
  if (type !== "tool.returned") return last.command === command && last.cause === cause;
  if (v > 1) return false;
  return data !== null && typeof data === "object" && "cause" in data && data.cause === cause;
}

/** An id is SHA-256 in hexadecimal digits. */
const idChars = 64;

/** By the kind of a stream: who writes it, and what. */
const places: ReadonlyMap<string, { readonly by: string; readonly types: ReadonlySet<string> }> =
  new Map([
    place("run", "run", "run.started step.planned evaluation.planned run.completed"),
    place("evaluation", "evaluation", "evaluation.started evaluation.completed"),
    place(
      "trajectory",
      "rollout",
      "trajectory.started turn.sampled tool.called tool.returned turn.prompted trajectory.ended",
    ),
    place("judge", "reward-judge", "reward.assigned"),
    place("learner", "learner", "batch.assembled gradient.computed policy.updated"),
    place(
      "actor",
      "head",
      "actor.registered actor.ended sandbox.opened sandbox.resized sandbox.drained " +
        "container.lost container.replaced",
    ),
    place("storage", "storage", "blobs.pruned"),
  ]);

function place(kind: string, by: string, types: string) {
  return [kind, { by, types: new Set(types.split(" ")) }] as const;
}

const authors: EnvelopeCheck = {
  name: "authors",
  about: "every event was written by the actor whose it is, into its own stream",
  fault({ type, stream, by }, last, book) {
    const kind = stream.slice(0, Math.max(0, stream.indexOf("/")));
    const found = places.get(kind);
    if (found === undefined) return `there are no streams of the kind "${kind.slice(0, 40)}"`;
    if (!found.types.has(type)) return `no ${type.slice(0, 80)} belongs into this stream`;
    if (by !== found.by) return `"${by.slice(0, 80)}" wrote it, this stream is of ${found.by}`;
    if (last.seq > 0 || kind === "actor") return null;
    if (kind === "trajectory" && parseTrajectory(stream) === null) return "its stream is no place";
    const run = stream.split("/", 2)[1];
    const started = book.run?.run ?? run;
    return run === started ? null : `it is of the run ${run}, not of ${started}`;
  },
};

const epochs: EnvelopeCheck = {
  name: "epochs",
  about: "nobody wrote under a lease that another had taken over",
  fault: ({ stream, epoch }, { lease }) =>
    epoch >= lease.epoch
      ? null
      : `it was written in epoch ${epoch} of ${leaseOf(stream)}, after epoch ${lease.epoch} began`,
};

export const envelopeChecks: readonly EnvelopeCheck[] = [sequences, causes, authors, epochs];
