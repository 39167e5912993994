// The head's blobs as a worker sees them: in pieces, checked against their names on arrival,
// cached.
import { type HashName, hashName } from "../../events/index.ts";
import { type Blobs, LedgerError } from "../../storage/index.ts";
import { ByteCache } from "./byte-cache.ts";
import { forEachPiece, type LedgerCalls } from "./calls.ts";
import { pieceBytesMax } from "./protocol.ts";

/** Fetches of a blob whose bytes do not match its name. */
const fetchAttemptsMax = 2;

interface Piece {
  readonly size: number;
  readonly bytes: Uint8Array;
}

export class RemoteBlobs implements Blobs {
  readonly #calls: LedgerCalls;
  readonly #cache: ByteCache;
  /** Fetches under way, so that eight trajectories of one image ask once. */
  readonly #fetches = new Map<HashName, Promise<Uint8Array | null>>();

  constructor(calls: LedgerCalls, cacheBytesMax: number) {
    this.#calls = calls;
    this.#cache = new ByteCache(cacheBytesMax);
  }

  async has(name: HashName): Promise<boolean> {
    if (this.#cache.get(name) !== undefined) return true;
    return (await this.#calls.ask("blobHas", { name })) as boolean;
  }

  /** The bytes, which must not be changed: they are shared with the cache. */
  async get(name: HashName): Promise<Uint8Array | null> {
    const known = this.#cache.get(name);
    if (known !== undefined) return known;
    const running = this.#fetches.get(name) ?? this.#fetch(name);
    this.#fetches.set(name, running);
    try {
      return await running;
    } finally {
      this.#fetches.delete(name);
    }
  }

  async put(bytes: Uint8Array): Promise<HashName> {
    const name = hashName(bytes);
    if ((await this.#calls.ask("blobHas", { name })) === true) return name;
    await this.#calls.upload(bytes, (upload) => this.#calls.finishBlob(upload, name));
    return name;
  }

  async #fetch(name: HashName): Promise<Uint8Array | null> {
    for (let attempt = 1; attempt <= fetchAttemptsMax; attempt++) {
      const bytes = await this.#download(name);
      if (bytes === null) return null;
      if (hashName(bytes) === name) {
        this.#cache.set(name, bytes);
        return bytes;
      }
    }
    throw new LedgerError(
      "ledger-corrupt",
      `${name} arrived with other bytes, ${fetchAttemptsMax} times`,
    );
  }

  async #download(name: HashName): Promise<Uint8Array | null> {
    const first = (await this.#calls.ask("blobGet", { name, offset: 0 })) as Piece | null;
    if (first === null) return null;
    const bytes = new Uint8Array(first.size);
    bytes.set(first.bytes);
    const rest = async (offset: number): Promise<void> => {
      const piece = (await this.#calls.ask("blobGet", { name, offset })) as Piece | null;
      if (piece !== null) bytes.set(piece.bytes, offset);
    };
    if (first.size > pieceBytesMax) await forEachPiece(first.size, rest, pieceBytesMax);
    return bytes;
  }
}
