// A run in outline: every event that counts for its result, by stream, as its digest and its place.
import { type ResultEvent, resultOfEvents } from "../../actors/index.ts";
import type { EventData, EventEnvelope } from "../../events/index.ts";
import type { ReplayReader } from "../fold/index.ts";

/** An event of the outline. */
export interface OutlinedEvent extends ResultEvent {
  /** Global sequence number, from 1. */
  readonly global: number;
  /** The stream under its full name, and the event's number in it. */
  readonly stream: string;
  readonly seq: number;
}

export interface Outline {
  readonly started: EventData<"run.started"> | null;
  /** Policies in their order, the initial one first. */
  readonly policies: readonly string[];
  /** By stream, the run's name left out of the names. */
  readonly streams: ReadonlyMap<string, readonly OutlinedEvent[]>;
}

/** Reads through a ledger once; a page of it is in memory at a time. */
export async function outlineOf(reader: Pick<ReplayReader, "readAll">): Promise<Outline> {
  const streams = new Map<string, OutlinedEvent[]>();
  const policies: string[] = [];
  let started: EventData<"run.started"> | null = null;
  for (let next = 1; ; ) {
    const page = await reader.readAll(next);
    const last = page.at(-1);
    if (last === undefined) return { started, policies, streams };
    for (const { global, event } of page) {
      const result = resultOfEvents([event]);
      policies.push(...result.policies);
      started ??= startOf(event);
      for (const [name, counted] of result.streams) {
        const known = streams.get(name) ?? [];
        const { stream, seq } = event;
        known.push(...counted.map((one) => ({ ...one, global, stream, seq })));
        streams.set(name, known);
      }
    }
    next = last.global + 1;
  }
}

function startOf({ type, data }: EventEnvelope): EventData<"run.started"> | null {
  return type === "run.started" ? (data as EventData<"run.started">) : null;
}
