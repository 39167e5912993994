// What a played case of the kill matrix leaves in the record, and what all of them come to.
import type { Disturbed } from "../../tests/recovery/real-run.ts";
import type { SimulatedDone } from "../../tests/recovery/simulated-run.ts";

/** `real` cases are runs of real processes, `simulated` ones the tiny world in one process. */
export const layers = ["real", "simulated"] as const;
export type Layer = (typeof layers)[number];

export interface CaseRecord {
  /** `real:N`, `simulated:N`: repeats the case. */
  readonly name: string;
  /** Each fault that was done, with what brought it: `kill head at turn.sampled`. */
  readonly faults: readonly string[];
  /** Of a simulated run: messages that were lost, doubled, delayed. */
  readonly messages?: Readonly<Record<string, number>>;
  readonly events: number;
  /** Events and blobs of which somebody was told that they are durable. */
  readonly told: number;
  readonly lost: number;
  readonly doubled: number;
  /** A broken chain, another result, something left behind, or no end; null: none of them. */
  readonly fault: string | null;
  readonly seconds: number;
}

type Real = Omit<Disturbed, "seconds"> & { readonly seconds: number };

export function recordOfReal(name: string, played: Real): CaseRecord {
  const { leftovers } = played;
  const left = leftovers.length === 0 ? null : `left: ${leftovers.join(", ")}`;
  const faults = played.faults.map(({ fault, at }) => {
    const victim = "victim" in fault ? ` ${fault.victim}` : "";
    return `${fault.kind}${victim} at ${at ?? "a random time"}`;
  });
  return { ...common(name, played), faults, fault: faultOf(played) ?? left };
}

export function recordOfSimulated(name: string, played: SimulatedDone): CaseRecord {
  const faults = played.faults.map(({ kind, event }) => `${kind} at ${event}`);
  const { messages } = played;
  return { ...common(name, played), faults, messages: { ...messages }, fault: faultOf(played) };
}

/** A case that did not end as it must. */
export function recordOfFailure(name: string, reason: string): CaseRecord {
  const nothing = { faults: [], events: 0, told: 0, lost: 0, doubled: 0, seconds: 0 };
  return { name, ...nothing, fault: reason };
}

const layerOf = ({ name }: CaseRecord): string => name.split(":")[0] ?? "";

/** One layer of the record in figures. */
export interface LayerTotal {
  readonly runs: number;
  readonly faults: number;
  readonly messages: number;
  readonly events: number;
  readonly told: number;
  readonly lost: number;
  readonly doubled: number;
  /** Runs with another result, a broken chain, no end, or something left behind. */
  readonly failed: number;
  readonly seconds: number;
}

export function totalOf(records: readonly CaseRecord[], layer: Layer): LayerTotal {
  const own = records.filter((record) => layerOf(record) === layer);
  const sum = (count: (record: CaseRecord) => number) =>
    own.reduce((total, record) => total + count(record), 0);
  return {
    runs: own.length,
    faults: sum(({ faults }) => faults.length),
    messages: sum(({ messages = {} }) => Object.values(messages).reduce((a, b) => a + b, 0)),
    events: sum(({ events }) => events),
    told: sum(({ told }) => told),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    failed: own.filter(({ fault }) => fault !== null).length,
    seconds: sum(({ seconds }) => seconds),
  };
}

/** How often each fault was done, by what it was and what brought it; most frequent first. */
export function faultCounts(records: readonly CaseRecord[], layer: Layer) {
  const counts = new Map<string, { times: number; events: Set<string> }>();
  for (const record of records) {
    if (layerOf(record) !== layer) continue;
    for (const fault of record.faults) {
      const [what = "", event = ""] = fault.split(" at ");
      const known = counts.get(what) ?? { times: 0, events: new Set() };
      known.times += 1;
      known.events.add(event);
      counts.set(what, known);
    }
  }
  return [...counts].sort(([, a], [, b]) => b.times - a.times);
}

function common(name: string, played: Real | SimulatedDone) {
  const { events, told, lost, doubled, seconds } = played;
  return { name, events, told, lost, doubled, seconds: Math.round(seconds * 10) / 10 };
}

function faultOf({ chain, difference }: Real | SimulatedDone): string | null {
  return chain ?? difference;
}
