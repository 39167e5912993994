// The hash chain over stored bytes: hash(0) is 32 zero bytes, hash(n) = SHA-256(hash(n-1) ||
// row(n)). It is over the bytes as stored, never over a second encoding of the same data.
import { hash } from "node:crypto";
import type { LedgerReader } from "./ledger.ts";

/** The length of a chain hash, in bytes. */
export const chainHashBytes = 32;

/** The chain's hash of an empty ledger. */
export const chainStart: Uint8Array = new Uint8Array(chainHashBytes);

/** The next hash, of `link`: the previous hash directly followed by the row. */
export function hashLink(link: Uint8Array): Uint8Array {
  return hash("sha256", link, "buffer");
}

/** Walks a chain row by row. */
export class Chain {
  #hash: Uint8Array;
  #link = new Uint8Array(4096);

  /** @param start the hash after the rows before; by default there are none */
  constructor(start: Uint8Array = chainStart) {
    this.#hash = start;
  }

  /** Adds a row and returns the hash after it. */
  add(row: Uint8Array): Uint8Array {
    const size = chainHashBytes + row.length;
    if (this.#link.length < size) this.#link = new Uint8Array(size * 2);
    this.#link.set(this.#hash);
    this.#link.set(row, chainHashBytes);
    this.#hash = hashLink(this.#link.subarray(0, size));
    return this.#hash;
  }

  /** The hash after the rows so far. */
  get hash(): Uint8Array {
    return this.#hash;
  }
}

/** What a walk over the whole chain found. */
export interface ChainVerdict {
  readonly ok: boolean;
  /** Rows walked. */
  readonly events: number;
  /** The hash that the rows give, as hexadecimal digits. */
  readonly hash: string;
  readonly reason: string | null;
}

/** Recomputes the chain up to the head that the ledger states, and compares. */
export async function verifyChain(reader: LedgerReader): Promise<ChainVerdict> {
  const head = await reader.head();
  const chain = new Chain();
  let events = 0;
  const verdict = (reason: string | null): ChainVerdict => {
    const hex = Buffer.from(chain.hash).toString("hex");
    const differs = hex === head.hash ? null : `the rows give ${hex}, the head says ${head.hash}`;
    return { ok: (reason ?? differs) === null, events, hash: hex, reason: reason ?? differs };
  };
  while (events < head.size) {
    const rows = await reader.readRows(events + 1);
    if (rows.length === 0) return verdict(`event ${events + 1} of ${head.size} is missing`);
    for (const row of rows.slice(0, head.size - events)) {
      if (row.global !== events + 1) return verdict(`event ${events + 1} is missing`);
      chain.add(row.bytes);
      events++;
    }
  }
  return verdict(null);
}
