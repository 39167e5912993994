// What travels between a worker and the head's ledger: the verbs, their limits, and how events are
// packed. Events travel as the bytes that are stored, and are checked again on arrival.
import { z } from "zod";
import {
  CodecError,
  decodeEnvelope,
  type EventEnvelope,
  encodeEnvelope,
  isHashName,
  VarftError,
} from "../../events/index.ts";
import { type AppendRequest, LedgerError, type ReadEvent } from "../../storage/index.ts";
import { type Address, subjectOf } from "../bus/index.ts";

/** The bytes of events, or of a blob's piece, in one message. Leaves room for the rest of it. */
export const pieceBytesMax = 512 * 1024;
/** The most names of streams in one answer. */
export const namesPerPageMax = 2_000;
/** The largest append, in bytes; above `pieceBytesMax` it travels in pieces. */
export const appendBytesMax = 64 * 1024 * 1024;

/** Where a run's ledger is served: addressed to the run, not to a process. */
export interface LedgerAddress {
  readonly cluster: string;
  readonly run: string;
}

/** The subject of a verb; `*` for all of them. */
export function ledgerSubject(address: LedgerAddress, verb: Verb | "*"): string {
  const actor: Address = { ...address, actor: "ledger" };
  return verb === "*" ? `${subjectOf(actor, "any").slice(0, -3)}*` : subjectOf(actor, verb);
}

/** The subject of the hints that something was committed. */
export function commitsSubject(address: LedgerAddress): string {
  return subjectOf({ ...address, actor: "ledger-commits" }, "durable");
}

/** The subject of the hints that a checkpoint was signed; each carries its note. */
export function checkpointsSubject(address: LedgerAddress): string {
  return subjectOf({ ...address, actor: "ledger-checkpoints" }, "signed");
}

const count = z.int().nonnegative();
const hash = z.custom<`sha256:${string}`>((text) => typeof text === "string" && isHashName(text));
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const id = z.string().min(1).max(256);

const newEvent = z.strictObject({
  type: z.string(),
  v: z.number(),
  data: z.unknown(),
  cause: z.string().nullable().exactOptional(),
});

const appendPart = z.strictObject({
  stream: z.string(),
  expected: count.nullable(),
  epoch: count,
  command: z.string().exactOptional(),
  events: z.array(newEvent),
});

/** An append as it travels. */
export const appendShape = z.strictObject({
  command: z.string(),
  by: z.string(),
  trace: z.string().nullable(),
  blobs: z.array(hash),
  parts: z.array(appendPart),
});

/** The shapes of the requests, by verb. */
export const requestShapes = {
  append: appendShape,
  /** An append that was uploaded before. */
  appendUploaded: z.strictObject({ upload: id }),
  stream: z.strictObject({ stream: z.string(), from: count, limit: count.nullable() }),
  rows: z.strictObject({ from: count, limit: count }),
  head: z.null(),
  streams: z.strictObject({ prefix: z.string(), after: z.string() }),
  lease: z.strictObject({ name: z.string() }),
  acquire: z.strictObject({ name: z.string(), holder: z.string() }),
  blobHas: z.strictObject({ name: hash }),
  blobGet: z.strictObject({ name: hash, offset: count }),
  upload: z.strictObject({ upload: id, size: count, offset: count, bytes }),
  blobUploaded: z.strictObject({ upload: id, name: hash }),
} as const;

export type Verb = keyof typeof requestShapes;

/** Events packed for one message; `ranges` where they are too many: read them from there. */
export type PackedEvents =
  | { readonly rows: readonly Uint8Array[] }
  | { readonly ranges: readonly (readonly [stream: string, seq: number, count: number])[] };

/** An append with nothing in it that the codec refuses: keys without a value are left out. */
export function plainAppend(request: AppendRequest): unknown {
  return {
    command: request.command,
    by: request.by,
    trace: request.trace,
    blobs: request.blobs,
    parts: request.parts.map(({ stream, expected, epoch, command, events }) => ({
      stream,
      expected,
      epoch,
      ...(command === undefined ? {} : { command }),
      events: events.map(({ type, v, data, cause = null }) => ({ type, v, data, cause })),
    })),
  };
}

/** Packs what an append returned. */
export function packEvents(events: readonly EventEnvelope[]): PackedEvents {
  const rows: Uint8Array[] = [];
  let size = 0;
  for (const event of events) {
    const row = encodeEnvelope(event);
    size += row.length;
    if (size > pieceBytesMax) return { ranges: rangesOf(events) };
    rows.push(row);
  }
  return { rows };
}

function rangesOf(events: readonly EventEnvelope[]): [string, number, number][] {
  const ranges: [string, number, number][] = [];
  for (const { stream, seq } of events) {
    const last = ranges.at(-1);
    if (last?.[0] === stream && last[1] + last[2] === seq) last[2] += 1;
    else ranges.push([stream, seq, 1]);
  }
  return ranges;
}

/** As many rows from the front as fit one message; at least one. */
export function firstRows<T>(items: readonly T[], sizeOf: (item: T) => number): readonly T[] {
  let size = 0;
  const end = items.findIndex((item, index) => {
    size += sizeOf(item);
    return size > pieceBytesMax && index > 0;
  });
  return end === -1 ? items : items.slice(0, end);
}

/** Events from their stored bytes, in the version that `readEvent` brings them to. */
export function unpackRows(rows: readonly Uint8Array[], readEvent: ReadEvent): EventEnvelope[] {
  return rows.map((row) => readEvent(decodeEnvelope(row)));
}

/** Gives errors that travelled their class back, so that `instanceof` says what it says locally. */
export async function typed<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw classOf(thrown);
  }
}

function classOf(thrown: unknown): unknown {
  if (!(thrown instanceof VarftError) || thrown.policy !== "terminal") return thrown;
  const { code, message, facts } = thrown;
  const options = { cause: thrown, facts };
  if (code.startsWith("ledger-")) return new LedgerError(code, message, options);
  if (code.startsWith("codec-")) return new CodecError(code, message, options);
  return thrown;
}
