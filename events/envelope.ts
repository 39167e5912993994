// The envelope of an event, the names of streams and leases, and the derivation of ids.
import { hash } from "node:crypto";
import { CodecError, codecDepthMax, decode, encode, encodeShared, eventBytesMax } from "./codec.ts";
import { type EnvelopeFrame, type FrameRead, readFrame } from "./envelope-frame.ts";
import { assert } from "./errors.ts";

/** A stored event: its frame, then `data`, in the order of the stored msgpack map. */
export interface EventEnvelope<Data = unknown> extends EnvelopeFrame {
  readonly data: Data;
}

/** What an actor hands over to be appended; the ledger adds the rest of the envelope. */
export interface NewEvent<Data = unknown> {
  readonly type: string;
  readonly v: number;
  readonly data: Data;
  readonly cause?: string | null;
}

const envelopeTypes: readonly (readonly [key: keyof EventEnvelope, type: string])[] = [
  ["id", "string"],
  ["stream", "string"],
  ["seq", "number"],
  ["type", "string"],
  ["v", "number"],
  ["time", "number"],
  ["cause", "string?"],
  ["command", "string"],
  ["trace", "string?"],
  ["epoch", "number"],
  ["by", "string"],
  ["data", "any"],
];

/** The bytes of an event, as they are stored, hashed and sent. */
export function encodeEnvelope(event: EventEnvelope): Uint8Array {
  return encode(event, eventBytesMax);
}

/** The same without a copy: the bytes are valid until anything is encoded again. */
export function encodeEnvelopeShared(event: EventEnvelope): Uint8Array {
  return encodeShared(event, eventBytesMax);
}

/**
 * Reads an event and checks its envelope: these keys, this order, these types. `data` is as stored.
 * @throws {CodecError} codec-oversize, codec-malformed
 */
export function decodeEnvelope(bytes: Uint8Array): EventEnvelope {
  const { frame, dataOffset } = frameOf(bytes);
  // The envelope is a level, too.
  const data = decode(bytes.subarray(dataOffset), eventBytesMax, codecDepthMax - 1);
  const { id, stream, seq, type, v, time, cause, command, trace, epoch, by } = frame;
  // Key by key: for every event of a ledger, a spread is slower than all reading of the frame.
  return { id, stream, seq, type, v, time, cause, command, trace, epoch, by, data };
}

/**
 * The same without the data, at a fourth of the cost. Nobody has looked at these.
 * @throws {CodecError} codec-oversize, codec-malformed
 */
export function decodeFrame(bytes: Uint8Array): EnvelopeFrame {
  return frameOf(bytes).frame;
}

function frameOf(bytes: Uint8Array): FrameRead {
  const read = bytes.length > eventBytesMax ? null : readFrame(bytes);
  if (read !== null) return read;
  throw new CodecError("codec-malformed", `not an event: ${flawOf(decode(bytes, eventBytesMax))}`);
}

/** Why a value that could be decoded is no event. */
function flawOf(value: unknown): string {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return "no map";
  const map = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(map);
  for (const [index, [key, type]] of envelopeTypes.entries()) {
    if (keys[index] !== key || !isOfType(map[key], type)) return `"${key}" is missing or wrong`;
  }
  if (keys.length !== envelopeTypes.length) return `unknown key "${keys.at(-1)}"`;
  return "its envelope is not written as one is";
}

function isOfType(value: unknown, type: string): boolean {
  if (type === "number") return Number.isSafeInteger(value) && (value as number) >= 0;
  if (type === "string?") return value === null || typeof value === "string";
  return type === "any" || typeof value === type;
}

/** The longest stream, lease, command or author name, in characters. */
export const nameCharsMax = 256;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$/;

/** Tells whether `text` may name a stream, a lease, a command or an author. */
export function isName(text: string): boolean {
  return text.length <= nameCharsMax && namePattern.test(text);
}

/** A step of training (from 1), or evaluation `n` as `e<n>`. */
export type StepName = number | `e${number}`;

/** The names of the streams, one per machine instance. */
export const streams = {
  run: (run: string): string => `run/${run}`,
  trajectory: (run: string, step: StepName, group: number, sample: number): string =>
    `trajectory/${run}/${step}.${group}.${sample}`,
  judge: (run: string): string => `judge/${run}`,
  learner: (run: string): string => `learner/${run}`,
  evaluation: (run: string, n: number): string => `evaluation/${run}/${n}`,
  node: (node: string): string => `node/${node}`,
  actor: (id: string): string => `actor/${id}`,
  device: (id: string): string => `device/${id}`,
  storage: (run: string): string => `storage/${run}`,
} as const;

const operationalStream = /^(?:actor|node|device|storage)\//;

/** Whether a stream tells of processes, places or files, and is no part of a run's result (I4). */
export function isOperational(stream: string): boolean {
  return operationalStream.test(stream);
}

/** What the name of a trajectory's stream says. */
export interface TrajectoryName {
  readonly run: string;
  readonly step: StepName;
  readonly group: number;
  readonly sample: number;
}

const trajectoryPattern = /^trajectory\/([^/]+)\/(e?)(\d{1,12})\.(\d{1,12})\.(\d{1,12})$/;

/** Reads the name of a trajectory's stream; null for other streams. */
export function parseTrajectory(stream: string): TrajectoryName | null {
  const match = trajectoryPattern.exec(stream);
  if (match === null) return null;
  const [, run = "", evaluation, step, group, sample] = match;
  return {
    run,
    step: evaluation === "e" ? `e${Number(step)}` : Number(step),
    group: Number(group),
    sample: Number(sample),
  };
}

/** The lease of a group: one Rollout holds it and writes all trajectories of the group. */
export function groupLease(run: string, step: StepName, group: number): string {
  return `group/${run}/${step}.${group}`;
}

/** The lease that covers a stream: a trajectory's is its group's, every other stream is its own. */
export function leaseOf(stream: string): string {
  const name = parseTrajectory(stream);
  return name === null ? stream : groupLease(name.run, name.step, name.group);
}

/**
 * The command id under which the result of an effect comes back: a pure function of its request.
 */
export function effectCommandId(requestingEvent: string, effect: string): string {
  return sha256OfLines(requestingEvent, effect);
}

/** The id of the event number `index` (from 0) that `command` puts into `stream`. */
export function eventId(stream: string, command: string, index: number): string {
  return sha256OfLines(stream, command, String(index));
}

// Lines cannot contain the separator, so different lists never make the same text.
function sha256OfLines(...lines: readonly string[]): string {
  for (const line of lines) assert(!line.includes("\n"), `an id is made of lines: ${line}`);
  return hash("sha256", lines.join("\n"), "hex");
}
