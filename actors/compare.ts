// The result of a run, in the sense of invariant I4, and the first place where two results differ.
//
// Result = every policy and optimizer hash, and per stream the sequence of (type, version, data
// without `data.observed`). The names of the runs, where they were placed (`placement.ts`), times,
// epochs, places and the global order are no part of it; nor are operational streams
// (`actor/…`, `storage/…`).
import {
  type EventEnvelope,
  encode,
  eventBytesMax,
  isOperational,
  type Parent,
  parseTrajectory,
  sha256Hex,
} from "../events/index.ts";
import { withoutPlacement } from "./placement.ts";

/** An event as far as it counts. */
export interface ResultEvent {
  readonly type: string;
  readonly v: number;
  /** SHA-256 of the encoded data without `observed`, hexadecimal. */
  readonly digest: string;
}

/** What a run came to. */
export interface RunResult {
  /** The policies in their order, the initial one first. */
  readonly policies: readonly string[];
  readonly optimizers: readonly string[];
  /** By stream, the run's name left out of the names. */
  readonly streams: ReadonlyMap<string, readonly ResultEvent[]>;
}

/** Where two results differ first: streams in byte order, events in theirs. */
export interface ResultDifference {
  readonly stream: string;
  /** The number of the event in its stream, from 1. */
  readonly seq: number;
  readonly reason: string;
}

/** What `resultOf` reads; the storage room's readers satisfy it. */
export interface ResultSource {
  readAll(
    fromGlobal: number,
    limit?: number,
  ): Promise<readonly { readonly global: number; readonly event: EventEnvelope }[]>;
}

const pageRowsMax = 1_000;

/** The result of the run that `ledger` holds. */
export async function resultOf(ledger: ResultSource): Promise<RunResult> {
  const events: EventEnvelope[] = [];
  for (let next = 1; ; ) {
    const page = await ledger.readAll(next, pageRowsMax);
    const last = page.at(-1);
    if (last === undefined) return resultOfEvents(events);
    events.push(...page.map(({ event }) => event));
    next = last.global + 1;
  }
}

/** The result that `events` add up to; each stream's events must be in order. */
export function resultOfEvents(events: Iterable<EventEnvelope>): RunResult {
  const policies: string[] = [];
  const optimizers: string[] = [];
  const streams = new Map<string, ResultEvent[]>();
  for (const { stream, type, v, data } of events) {
    if (isOperational(stream)) continue;
    const fields = data as Readonly<Record<string, unknown>>;
    if (type === "run.started") {
      policies.unshift(String(fields["policy"]));
      optimizers.unshift(String(fields["optimizer"]));
    }
    if (type === "policy.updated") {
      policies.push(String(fields["policyAfter"]));
      optimizers.push(String(fields["optimizerAfter"]));
    }
    const name = withoutRun(stream);
    const list = streams.get(name) ?? [];
    list.push({ type, v, digest: digestOf(type, fields) });
    streams.set(name, list);
  }
  return { policies, optimizers, streams };
}

/** The first difference, or null where the results are equal. */
export function firstDifference(a: RunResult, b: RunResult): ResultDifference | null {
  const names = [...new Set([...a.streams.keys(), ...b.streams.keys()])].sort();
  for (const stream of names) {
    const left = a.streams.get(stream) ?? [];
    const right = b.streams.get(stream) ?? [];
    for (let index = 0; index < Math.max(left.length, right.length); index++) {
      const reason = differenceOf(left[index], right[index]);
      if (reason !== null) return { stream, seq: index + 1, reason };
    }
  }
  return null;
}

function differenceOf(a: ResultEvent | undefined, b: ResultEvent | undefined): string | null {
  if (a === undefined || b === undefined) {
    return a === b ? null : `only ${a === undefined ? "the second" : "the first"} has an event`;
  }
  if (a.type !== b.type || a.v !== b.v) return `${a.type} v${a.v} against ${b.type} v${b.v}`;
  return a.digest === b.digest ? null : `the data of ${a.type} differ`;
}

function digestOf(type: string, data: Readonly<Record<string, unknown>>): string {
  const { observed: _, ...counted } = data;
  return sha256Hex(encode(neutral(type, counted), eventBytesMax));
}

/** The data without the run's name, which is given and not achieved. */
function neutral(type: string, data: Readonly<Record<string, unknown>>): object {
  if (type === "run.started") {
    const { run: _, config, parent, ...rest } = data;
    const counted = withoutPlacement(config as Readonly<Record<string, unknown>>);
    // Of a fork's parent counts what was taken along, not its name and how its ledger grew.
    const forked = parent === undefined ? {} : { at: (parent as Parent).at };
    return { ...rest, ...forked, config: counted };
  }
  if (type === "reward.assigned") {
    return { ...data, trajectory: withoutRun(String(data["trajectory"])) };
  }
  if (type === "batch.assembled") {
    const names = data["trajectories"] as readonly string[];
    return { ...data, trajectories: names.map(withoutRun) };
  }
  return data;
}

/** `trajectory/<run>/1.0.0` as `trajectory/1.0.0`, `judge/<run>` as `judge`. */
function withoutRun(stream: string): string {
  const name = parseTrajectory(stream);
  if (name !== null) return `trajectory/${name.step}.${name.group}.${name.sample}`;
  const [kind = "", , ...rest] = stream.split("/");
  return [kind, ...rest].join("/");
}
