// Arrays of numbers that grow, of one type each.

type Numbers = Uint32Array | Float64Array;

/** A typed array that is pushed to. */
export class Growing<T extends Numbers> {
  readonly #make: (length: number) => T;
  #values: T;
  #length = 0;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#values = make(1_024);
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = this.#make(2 * this.#length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  at(index: number): number {
    return this.#values[index] as number;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  /** What was pushed, without a copy. */
  get values(): T {
    return this.#values.subarray(0, this.#length) as T;
  }
}

export const growingWords = (): Growing<Uint32Array> =>
  new Growing((length) => new Uint32Array(length));
export const growingFloats = (): Growing<Float64Array> =>
  new Growing((length) => new Float64Array(length));
