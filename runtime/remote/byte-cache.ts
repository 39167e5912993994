// The most recently used values of bounded total size.

/** A cache by name, bounded in bytes. A value above the bound is kept alone. */
export class ByteCache {
  readonly #bytesMax: number;
  readonly #values = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(name: string): Uint8Array | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    this.#values.delete(name);
    this.#values.set(name, value);
    return value;
  }

  set(name: string, value: Uint8Array): void {
    if (this.#values.has(name)) return;
    this.#values.set(name, value);
    this.#bytes += value.length;
    for (const [oldest, { length }] of this.#values) {
      if (this.#bytes <= this.#bytesMax || oldest === name) return;
      this.#values.delete(oldest);
      this.#bytes -= length;
    }
  }
}
