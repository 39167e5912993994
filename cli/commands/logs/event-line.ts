// An event as a line: for people its telling fields, for scripts all of it. Pure.
import {
  type EventData,
  type EventEnvelope,
  type EventType,
  unpackHashes,
} from "../../../events/index.ts";
import type { StoredEvent } from "../../../storage/index.ts";
import { type Colors, withoutSteering } from "../../terminal.ts";
import { second } from "../../text/index.ts";
import { eventWords } from "./event-words.ts";
import { shortStream } from "./selection.ts";

// A log has no end to measure: columns as wide as what they usually hold.
const numberColumns = 6;
const streamColumns = 18;
const typeColumns = 20;

/** What tells of a loss. */
const bad: ReadonlySet<string> = new Set<EventType>(["actor.ended", "container.lost"]);

/** A line, and below it what a worker said last where this is its end. */
export function eventLines({ global, event }: StoredEvent, run: string, colors: Colors): string[] {
  const { type, stream, time } = event;
  const place = [
    colors.dim(String(global).padStart(numberColumns)),
    colors.dim(second(time)),
    withoutSteering(shortStream(stream, run)).padEnd(streamColumns),
  ];
  const name = (bad.has(type) ? colors.yellow : colors.cyan)(type.padEnd(typeColumns));
  const said = lastLinesOf(event).map((line) =>
    colors.dim(`${" ".repeat(numberColumns)}  | ${line}`),
  );
  return [[...place, name, eventWords(event)].join("  ").trimEnd(), ...said];
}

/** What a child of the head wrote before it died, as far as it was kept. */
function lastLinesOf({ type, data }: EventEnvelope): readonly string[] {
  if (type !== "actor.ended") return [];
  const lines = (data as EventData<"actor.ended">).observed?.["lastLines"];
  if (!Array.isArray(lines)) return [];
  return lines.map((line) => withoutSteering(String(line)).replaceAll("\n", " "));
}

/**
 * The envelope with its number in the ledger, on one line; token ids and log-probs are lists, the
 * names of pruned blobs are hashes.
 */
export function eventJson({ global, event }: StoredEvent): string {
  return JSON.stringify({ global, ...event, data: namesAsHashes(event) }, (_, value: unknown) =>
    value instanceof Int32Array || value instanceof Float32Array ? [...value] : value,
  );
}

function namesAsHashes({ type, data }: EventEnvelope): unknown {
  if (type !== "blobs.pruned") return data;
  const pruned = data as EventData<"blobs.pruned">;
  return { ...pruned, names: unpackHashes(pruned.names) };
}
