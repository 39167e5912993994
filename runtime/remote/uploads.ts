// Bytes that arrive in pieces, in memory until they are complete. Bounded in number, bytes and
// time: a worker that dies in the middle leaves nothing behind.
import { RetryableError, TerminalError } from "../../events/index.ts";
import { blobBytesMax } from "../../storage/index.ts";
import { pieceBytesMax } from "./protocol.ts";

const uploadsMax = 32;
const uploadBytesMax = 2 * blobBytesMax;
const idleMsMax = 60_000;

interface Upload {
  readonly bytes: Uint8Array;
  /** Offsets of the pieces that are there. */
  readonly pieces: Set<number>;
  readonly sweep: NodeJS.Timeout;
}

/** A piece of an upload. Every piece but the last has `pieceBytesMax` bytes. */
export interface Piece {
  readonly upload: string;
  readonly size: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class Uploads {
  readonly #uploads = new Map<string, Upload>();
  #bytes = 0;

  /** Takes a piece, in any order; the same piece twice is the same as once. */
  add({ upload: id, size, offset, bytes }: Piece): void {
    const expected = Math.min(pieceBytesMax, size - offset);
    const fits = offset % pieceBytesMax === 0 && offset <= size && bytes.length === expected;
    if (!fits || size > blobBytesMax) {
      throw new TerminalError("upload-piece", `upload ${id}: piece at ${offset} of ${size} bytes`);
    }
    const upload = this.#uploads.get(id) ?? this.#start(id, size);
    if (upload.bytes.length !== size) {
      throw new TerminalError("upload-piece", `upload ${id} changed its size to ${size}`);
    }
    upload.bytes.set(bytes, offset);
    upload.pieces.add(offset);
    upload.sweep.refresh();
  }

  /** The bytes of a complete upload, which ends with it. Throws `upload-lost`, retryable. */
  take(id: string): Uint8Array {
    const upload = this.#uploads.get(id);
    const pieces = Math.max(1, Math.ceil((upload?.bytes.length ?? 0) / pieceBytesMax));
    if (upload === undefined || upload.pieces.size < pieces) {
      throw new RetryableError("upload-lost", `upload ${id} is not complete here: send it again`);
    }
    this.#drop(id);
    return upload.bytes;
  }

  close(): void {
    for (const id of this.#uploads.keys()) this.#drop(id);
  }

  #start(id: string, size: number): Upload {
    if (this.#uploads.size >= uploadsMax || this.#bytes + size > uploadBytesMax) {
      throw new RetryableError("upload-busy", `${this.#uploads.size} uploads are under way: later`);
    }
    const sweep = setTimeout(() => this.#drop(id), idleMsMax).unref();
    const upload = { bytes: new Uint8Array(size), pieces: new Set<number>(), sweep };
    this.#uploads.set(id, upload);
    this.#bytes += size;
    return upload;
  }

  #drop(id: string): void {
    const upload = this.#uploads.get(id);
    if (upload === undefined) return;
    clearTimeout(upload.sweep);
    this.#uploads.delete(id);
    this.#bytes -= upload.bytes.length;
  }
}
