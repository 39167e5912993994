// Sorting more than fits into memory: what fits is written as a sorted run, and the runs are
// merged. An entry is a key (text) and a payload (bytes). Keys are ordered by their UTF-16 code
// units, as `<` orders strings.
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { ByteReader, ByteWriter } from "./bytes.ts";

const bufferBytes = 256 * 2 ** 10;
/** Bytes of an entry before its payload's length and its payload: two numbers of six. */
const headBytesMax = 12;
/** Keys that are merged before others get their turn. */
const keysPerTurn = 16_384;

/** Writes a run; keys must come in order. */
export class RunWriter {
  readonly #file: number;
  readonly #buffer = new ByteWriter();

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  add(key: string, payload: Uint8Array): void {
    const name = Buffer.from(key);
    this.#buffer.number(name.length);
    this.#buffer.bytes(name);
    this.#buffer.number(payload.length);
    this.#buffer.bytes(payload);
    if (this.#buffer.length >= bufferBytes) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    writeAll(this.#file, this.#buffer.written);
    this.#buffer.clear();
  }
}

/** Writes all of `bytes`, however often the system has to be asked. */
export function writeAll(file: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done);
}

/** Reads a run entry by entry. */
class RunReader {
  readonly #file: number;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #isEnded = false;
  /** No entry is left. */
  isDone = false;
  key = "";
  payload: Uint8Array = Buffer.alloc(0);

  constructor(path: string) {
    this.#file = openSync(path, "r");
  }

  /** Goes to the next entry; false when there is none. Its payload is valid until the next call. */
  next(): boolean {
    this.#fill(headBytesMax);
    this.isDone = this.#start === this.#buffer.length;
    if (this.isDone) return false;
    const keyBytes = this.#number();
    this.#fill(keyBytes + headBytesMax);
    this.key = this.#buffer.toString("utf8", this.#start, this.#start + keyBytes);
    this.#start += keyBytes;
    const payloadBytes = this.#number();
    this.#fill(payloadBytes);
    this.payload = this.#buffer.subarray(this.#start, this.#start + payloadBytes);
    this.#start += payloadBytes;
    return true;
  }

  close(): void {
    closeSync(this.#file);
  }

  #number(): number {
    const reader = new ByteReader(this.#buffer, this.#start);
    const value = reader.number();
    this.#start = reader.position;
    return value;
  }

  /** Makes `bytes` bytes readable, or as many as are left. */
  #fill(bytes: number): void {
    if (this.#isEnded || this.#buffer.length - this.#start >= bytes) return;
    const rest = this.#buffer.subarray(this.#start);
    const larger = Buffer.allocUnsafe(Math.max(bytes, bufferBytes) + rest.length);
    larger.set(rest);
    let length = rest.length;
    while (length < larger.length) {
      const read = readSync(this.#file, larger, length, larger.length - length, null);
      if (read === 0) {
        this.#isEnded = true;
        break;
      }
      length += read;
    }
    this.#buffer = larger.subarray(0, length);
    this.#start = 0;
  }
}

export interface MergeOptions {
  readonly signal?: AbortSignal | undefined;
  /** After each turn, with the keys merged so far. */
  readonly onTurn?: (keys: number) => void;
}

/**
 * Merges runs: calls `onKey` for each key in order, with its payloads in the order of the runs. The
 * payloads are only valid during the call.
 */
export async function mergeRuns(
  paths: readonly string[],
  onKey: (key: string, payloads: readonly Uint8Array[]) => void,
  { signal, onTurn }: MergeOptions = {},
): Promise<void> {
  const readers = paths.map((path) => new RunReader(path));
  try {
    let live = readers.filter((reader) => reader.next());
    for (let keys = 1; live.length > 0; keys++) {
      const key = smallestKey(live);
      const having = live.filter((reader) => reader.key === key);
      onKey(
        key,
        having.map(({ payload }) => payload),
      );
      let isOneDone = false;
      for (const reader of having) if (!reader.next()) isOneDone = true;
      if (isOneDone) live = live.filter((reader) => !reader.isDone);
      if (keys % keysPerTurn === 0) {
        await turn();
        signal?.throwIfAborted();
        onTurn?.(keys);
      }
    }
  } finally {
    for (const reader of readers) reader.close();
  }
}

function smallestKey(readers: readonly RunReader[]): string {
  let smallest = readers[0]?.key ?? "";
  for (const { key } of readers) if (key < smallest) smallest = key;
  return smallest;
}
