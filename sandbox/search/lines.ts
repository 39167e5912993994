// The lines of a large file, one after the other, in bounded memory.
import { open } from "node:fs/promises";

const chunkBytes = 2 ** 20;
/** Bytes of one line. */
export const lineBytesMax = 16 * 2 ** 20;

const lineFeed = 0x0a;

/** Where a line stands. */
export interface LinePlace {
  /** From 1. */
  readonly number: number;
  /** Bytes before the line. */
  readonly offset: number;
}

export interface EachLineOptions {
  /** Every piece of the file, in order: for a hash, or for progress. */
  readonly onChunk?: (bytes: Uint8Array) => void;
  readonly signal?: AbortSignal | undefined;
  /** Where to begin, at the start of a line; at the first by default. */
  readonly from?: LinePlace;
}

/** A line beyond `lineBytesMax`. */
export class LongLineError extends RangeError {
  readonly line: number;

  constructor(line: number) {
    super(`line ${line} has more than ${lineBytesMax} bytes`);
    this.line = line;
  }
}

/**
 * Calls `onLine` for every line, without its line feed; the bytes are only valid during the call.
 *
 * @throws LongLineError, what `onLine` throws, what the file system throws
 */
export async function eachLine(
  path: string,
  onLine: (bytes: Buffer, place: LinePlace, isEnded: boolean) => void,
  { onChunk, signal, from = { number: 1, offset: 0 } }: EachLineOptions = {},
): Promise<void> {
  const file = await open(path);
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let { number, offset } = from;
    let place = offset;
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, place);
      place += bytesRead;
      const read = chunk.subarray(0, bytesRead);
      onChunk?.(read);
      const bytes = rest.length === 0 ? read : Buffer.concat([rest, read]);
      let start = 0;
      for (;;) {
        const end = bytes.indexOf(lineFeed, start);
        if (end < 0) break;
        onLine(bytes.subarray(start, end), { number, offset: offset + start }, true);
        start = end + 1;
        number += 1;
      }
      rest = Buffer.from(bytes.subarray(start));
      offset += start;
      if (rest.length > lineBytesMax) throw new LongLineError(number);
      if (bytesRead === 0) break;
    }
    if (rest.length > 0) onLine(rest, { number, offset }, false);
  } finally {
    await file.close();
  }
}
