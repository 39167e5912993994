// Calls of the ledger's verbs, and uploads in pieces, for the client's parts.
import { randomUUID } from "node:crypto";
import { RetryableError } from "../../events/index.ts";
import type { Bus } from "../bus/index.ts";
import { type LedgerAddress, ledgerSubject, pieceBytesMax, typed, type Verb } from "./protocol.ts";

/** Pieces under way at once, so that a blob does not pay one round trip per piece. */
const piecesInFlightMax = 4;
/** Uploads of the same bytes, when the head forgot the pieces because it was restarted. */
const uploadAttemptsMax = 3;
/** The head writes a blob to its disk before it answers. */
const uploadTimeoutMs = 60_000;

export class LedgerCalls {
  readonly #bus: Bus;
  readonly #address: LedgerAddress;

  constructor(bus: Bus, address: LedgerAddress) {
    this.#bus = bus;
    this.#address = address;
  }

  ask(verb: Verb, request: unknown, timeoutMs?: number): Promise<unknown> {
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    return typed(this.#bus.request(ledgerSubject(this.#address, verb), request, options));
  }

  /** Sends `bytes` in pieces, then `finish`, which ends the upload at the head. */
  async upload<T>(bytes: Uint8Array, finish: (upload: string) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const upload = randomUUID();
      try {
        await forEachPiece(bytes.length, async (offset) => {
          const piece = bytes.subarray(offset, offset + pieceBytesMax);
          await this.ask("upload", { upload, size: bytes.length, offset, bytes: piece });
        });
        return await finish(upload);
      } catch (thrown) {
        const lost = thrown instanceof RetryableError && thrown.code === "upload-lost";
        if (!lost || attempt === uploadAttemptsMax) throw thrown;
      }
    }
  }

  /** Stores a blob that was uploaded. */
  async finishBlob(upload: string, name: string): Promise<void> {
    await this.ask("blobUploaded", { upload, name }, uploadTimeoutMs);
  }
}

/**
 * Runs `work` for the offset of each piece of `size` bytes, some at once. An empty blob is a piece.
 */
export async function forEachPiece(
  size: number,
  work: (offset: number) => Promise<void>,
  from = 0,
): Promise<void> {
  let next = from;
  const lane = async (): Promise<void> => {
    while (next < size || next === 0) {
      const offset = next;
      next += pieceBytesMax;
      await work(offset);
    }
  };
  await Promise.all(Array.from({ length: piecesInFlightMax }, lane));
}
