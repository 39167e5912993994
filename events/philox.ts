// Philox 4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy
// as 1, 2, 3" (SC'11, section 3.3). A number is a pure function of (key, counter): what a
// trajectory draws never depends on who else drew, where, or in which order (invariant I4).
import { sha256Bytes } from "./hash.ts";

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

type Counter = readonly [number, number, number, number];
type Key = readonly [number, number];

/** The high 32 bits of a 32x32-bit product, by 16-bit halves (a double holds only 53 bits). */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (carry >>> 16);
}

/**
 * One Philox 4x32-10 block: four 32-bit words from a 128-bit counter and a 64-bit key, written to
 * `out` where one is given.
 */
export function philox4x32(counter: Counter, key: Key, out = new Uint32Array(4)): Uint32Array {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < rounds; round++) {
    const high0 = mulHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0) >>> 0;
    const high1 = mulHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c1 = low1;
    c3 = low0;
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
  return out;
}

/**
 * A stream of random numbers named by `path`, e.g. `[runSeed, "sample", step, group, sample,
 * turn]`. Streams with different paths are independent; the same path always gives the same
 * numbers.
 */
export class RandomStream {
  readonly #key: Key;
  readonly #counter: [number, number, number, number];
  readonly #words = new Uint32Array(4);
  #used = 4;

  constructor(...path: readonly (string | number)[]) {
    const digest = Buffer.from(sha256Bytes(JSON.stringify(path)));
    this.#key = [digest.readUInt32LE(0), digest.readUInt32LE(4)];
    this.#counter = [0, 0, digest.readUInt32LE(8), digest.readUInt32LE(12)];
  }

  /** The next 32-bit word. */
  uint32(): number {
    if (this.#used === this.#words.length) {
      philox4x32(this.#counter, this.#key, this.#words);
      this.#counter[0] += 1;
      this.#used = 0;
    }
    return this.#words[this.#used++] as number;
  }

  /** `count` random bytes. */
  bytes(count: number): Uint8Array {
    const words = new Uint32Array(Math.ceil(count / 4));
    for (let index = 0; index < words.length; index++) words[index] = this.uint32();
    return new Uint8Array(words.buffer, 0, count);
  }

  /** A number in [0, 1) on the grid of 2^-24, exact in float32. */
  uniform(): number {
    return (this.uint32() >>> 8) / 2 ** 24;
  }

  /** A whole number in [0, bound). Bias below bound / 2^32. */
  integer(bound: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * bound);
  }

  /** One of `items`. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("pick from an empty list");
    return items[this.integer(items.length)] as T;
  }

  /** A standard normal number (Box–Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** `items` in a new order (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const order = [...items];
    for (let last = order.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      [order[last], order[other]] = [order[other] as T, order[last] as T];
    }
    return order;
  }
}
