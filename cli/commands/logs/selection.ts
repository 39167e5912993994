// Which events a person asked for: `--type`, `--stream`.
//
// Invariant: a word that can name no event is an error and no empty log (I6).
import { nearest } from "../../../config/index.ts";
import { type EventEnvelope, eventSchemas } from "../../../events/index.ts";
import type { Words } from "../../command.ts";
import { UsageError } from "../../errors.ts";

/** Whether an event of the run `run` was asked for. */
export type Selection = (event: EventEnvelope, run: string) => boolean;

/** Without words: every event. @throws {UsageError} */
export function selectionOf(words: Words): Selection {
  const types = words.list("type").map(knownType);
  const streams = words.list("stream").map(knownStream);
  return ({ type, stream }, run) =>
    (types.length === 0 || types.some((wanted) => isUnder(wanted, type))) &&
    (streams.length === 0 ||
      streams.some(
        (wanted) => isUnder(wanted, stream) || isUnder(wanted, shortStream(stream, run)),
      ));
}

/** `trajectory/RUN/12.3.0` → `trajectory/12.3.0`: whose run it is goes without saying. */
export function shortStream(stream: string, run: string): string {
  const [kind = "", owner, ...rest] = stream.split("/");
  return owner === run ? [kind, ...rest].join("/") : stream;
}

/** Itself, or what begins with it: `trajectory/12` names `trajectory/12.3.0`, not `…/120.0.0`. */
function isUnder(wanted: string, name: string): boolean {
  if (!name.startsWith(wanted)) return false;
  const next = name[wanted.length];
  return next === undefined || next === "." || next === "/";
}

function knownType(wanted: string): string {
  const types = Object.keys(eventSchemas);
  if (types.some((type) => isUnder(wanted, type))) return wanted;
  const near = nearest(wanted, [...types, ...types.map(kindOf)]);
  const mend = near === null ? "docs/events.md lists them" : `did you mean "${near}"?`;
  throw new UsageError(`--type: there are no events "${wanted}"; ${mend}`);
}

/** What the names of streams begin with. */
const kinds = ["run", "evaluation", "trajectory", "judge", "learner", "actor", "storage"] as const;

function knownStream(wanted: string): string {
  const [kind = ""] = wanted.split("/");
  if (kinds.some((known) => known === kind)) return wanted;
  const near = nearest(kind, kinds);
  const mend = near === null ? `there are ${kinds.join(", ")}` : `did you mean "${near}"?`;
  throw new UsageError(`--stream: there are no streams "${wanted}"; ${mend}`);
}

function kindOf(type: string): string {
  return type.split(".")[0] ?? type;
}
