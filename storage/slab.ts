// Memory for rows, cut from large pieces: one allocation for thousands of rows, and rows whose
// address a native store has to look up once per piece.

const slabBytes = 1024 * 1024;

/** Hands out pieces of fresh memory. A piece is never handed out twice. */
export class Slab {
  #rest = new Uint8Array(0);

  /** A piece of `size` bytes. */
  take(size: number): Uint8Array {
    if (this.#rest.length < size) this.#rest = new Uint8Array(Math.max(size, slabBytes));
    const piece = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return piece;
  }
}
