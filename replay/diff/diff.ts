// Two runs beside each other: what they were told to do, and the first event where they part.
//
// 1. Runs are compared by their result (I4): who worked where, when and in what order is no part of
//    it, nor is a run's name.
// 2. What starts a run says how it was started and is told as settings; the parting is what came of
//    it. Of all streams that part, the event that stands first in either ledger is named: what led
//    to it stands before it.
// 3. A fork has its parent's steps behind it and not in its ledger: two runs are compared from
//    where the later one of them begins.
import { ConfigError, restoreRunConfig } from "../../config/index.ts";
import { afterStep, type EventEnvelope, stepsBefore } from "../../events/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { firstUnequal, type Unequal } from "../fold/index.ts";
import { type Outline, type OutlinedEvent, outlineOf } from "./outline.ts";

/** One of two runs. */
export interface DiffSide {
  readonly reader: Pick<LedgerReader, "readAll" | "readStream">;
  readonly run: string;
}

/** An event of one of the runs. */
export interface PartingEvent {
  /** Global sequence number, from 1. */
  readonly seq: number;
  readonly type: string;
}

/** The first event where two runs part. */
export interface Parting {
  /** The run's name left out: `trajectory/2.0.1`. */
  readonly stream: string;
  /** The event's number in the stream, from 1. */
  readonly streamSeq: number;
  /** Null where the run has no such event. */
  readonly a: PartingEvent | null;
  readonly b: PartingEvent | null;
  readonly reason: string;
}

/** A setting that differs; a side without it says "nothing". */
export interface SettingDifference {
  readonly key: string;
  readonly a: string;
  readonly b: string;
}

export interface RunDiff {
  /** Whether everything that counts for the result is equal. */
  readonly equal: boolean;
  readonly partsAt: Parting | null;
  /** The step after which both are compared: 0, or where the later one of two forks begins. */
  readonly from: number;
  /** Which of the runs was forked from the other one; null: neither. */
  readonly fork: "a" | "b" | null;
  /** How many policies are equal, in order, the one after `from` first; and how many there are. */
  readonly policies: { readonly equal: number; readonly a: number; readonly b: number };
  readonly settings: readonly SettingDifference[];
}

/** Compares two runs. */
export async function diffRuns(a: DiffSide, b: DiffSide): Promise<RunDiff> {
  const whole = [await outlineOf(a.reader), await outlineOf(b.reader)] as const;
  const { from, left, right } = fromTheLater(...whole);
  const parting = firstParting(left, right);
  const parted = left.policies.findIndex((policy, index) => policy !== right.policies[index]);
  const counts = { a: left.policies.length, b: right.policies.length };
  const partsAt = parting === null ? null : await tell(parting, a, b);
  return {
    equal: partsAt === null,
    partsAt,
    from,
    fork: forkOf(...whole),
    policies: { equal: parted < 0 ? left.policies.length : parted, ...counts },
    settings: settingsOf(left, right),
  };
}

/** Both runs from where the later of them begins; whole, where none is a fork of a step. */
function fromTheLater(a: Outline, b: Outline) {
  const forks = [a, b].flatMap(({ started }) => (started && afterStep(started)) ?? []);
  const from = Math.max(0, ...forks.map(({ step }) => step));
  return forks.length === 0
    ? { from, left: a, right: b }
    : { from, left: after(a, from), right: after(b, from) };
}

/** A run from the step after `step` on; what starts it is left where it is. */
function after(outline: Outline, step: number): Outline {
  const { started, policies, optimizers, streams } = outline;
  const cut = step - (started === null ? 0 : stepsBefore(started));
  const kept = [...streams].map(
    ([name, events]) =>
      [name, events.filter((one) => one.step > step || one.type === startType)] as const,
  );
  return {
    started,
    policies: policies.slice(cut),
    optimizers: optimizers.slice(cut),
    streams: new Map(kept),
  };
}

function forkOf(a: Outline, b: Outline): RunDiff["fork"] {
  const isFork = ({ started }: Outline, { started: of }: Outline) =>
    started?.parent !== undefined && started.parent.run === of?.run;
  if (isFork(b, a)) return "b";
  return isFork(a, b) ? "a" : null;
}

interface Pair {
  readonly name: string;
  readonly a: OutlinedEvent | undefined;
  readonly b: OutlinedEvent | undefined;
}

/** What starts a run: told as settings. */
const startType = "run.started";

function firstParting(a: Outline, b: Outline): Pair | null {
  const pairs = [...new Set([...a.streams.keys(), ...b.streams.keys()])].flatMap((name) =>
    partingOf(name, a.streams.get(name) ?? [], b.streams.get(name) ?? []),
  );
  return pairs.sort((one, other) => placeOf(one) - placeOf(other))[0] ?? null;
}

function partingOf(
  name: string,
  a: readonly OutlinedEvent[],
  b: readonly OutlinedEvent[],
): Pair | [] {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const pair = { name, a: a[index], b: b[index] };
    if (pair.a?.type === startType && pair.b?.type === startType) continue;
    if (pair.a?.digest !== pair.b?.digest || pair.a?.type !== pair.b?.type) return pair;
  }
  return [];
}

function placeOf({ a, b }: Pair): number {
  const never = Number.POSITIVE_INFINITY;
  return Math.min(a?.global ?? never, b?.global ?? never);
}

async function tell({ name, a, b }: Pair, sideA: DiffSide, sideB: DiffSide): Promise<Parting> {
  const place = a ?? b;
  const eventOf = (one: OutlinedEvent | undefined): PartingEvent | null =>
    one === undefined ? null : { seq: one.global, type: one.type };
  const facts = { stream: name, streamSeq: place?.seq ?? 0, a: eventOf(a), b: eventOf(b) };
  if (a === undefined || b === undefined) {
    const only = a === undefined ? "the second" : "the first";
    return { ...facts, reason: `only ${only} run has ${place?.type}` };
  }
  if (a.type !== b.type) return { ...facts, reason: `${a.type} against ${b.type}` };
  const [left, right] = [await dataOf(sideA, a), await dataOf(sideB, b)];
  const found = firstUnequal(left, right);
  return { ...facts, reason: `${a.type}: ${found === null ? otherKeys : words(found)}` };
}

const otherKeys = "one run recorded a key that the version of the other one did not";

const words = ({ path, a, b }: Unequal): string => `${path || "the data"} is ${a} against ${b}`;

/** The data of an event, the run's name put out of the names of trajectories. */
async function dataOf({ reader, run }: DiffSide, place: OutlinedEvent): Promise<unknown> {
  const [event] = await reader.readStream(place.stream, place.seq, 1);
  const { data } = event as EventEnvelope<Readonly<Record<string, unknown>>>;
  const withoutRun = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(withoutRun);
    return typeof value === "string" ? value.replace(`trajectory/${run}/`, "trajectory/") : value;
  };
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, withoutRun(value)]));
}

/**
 * Everything that the runs were started with and that differs, keys as configurations have them.
 */
function settingsOf(a: Outline, b: Outline): SettingDifference[] {
  const [left, right] = [flatten(startFacts(a)), flatten(startFacts(b))];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((key) => {
    const pair = { key, a: left.get(key) ?? "nothing", b: right.get(key) ?? "nothing" };
    return pair.a === pair.b ? [] : [pair];
  });
}

function startFacts({ started, policies, optimizers }: Outline): Readonly<Record<string, unknown>> {
  if (started === null) return {};
  const { config, numericClass, base } = started;
  const start = { base, policy: policies[0], optimizer: optimizers[0] };
  return { ...todays(config), numericClass, start };
}

/** A configuration in today's words, where an earlier version recorded it. */
function todays(config: Readonly<Record<string, unknown>>): object {
  try {
    return restoreRunConfig(config);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return config;
    throw thrown;
  }
}

/** Nested settings by their whole keys: `learner.learning_rate`. */
function flatten(value: unknown, key = ""): Map<string, string> {
  if (value === null || typeof value !== "object") return new Map([[key, JSON.stringify(value)]]);
  return new Map(
    Object.entries(value).flatMap(([name, inner]) => {
      const plain = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return [...flatten(inner, key === "" ? plain : `${key}.${plain}`)];
    }),
  );
}
