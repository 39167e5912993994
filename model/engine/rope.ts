// Rotary angles as graph inputs. They are computed here in float64 and rounded once, per position,
// so that prefill, decoding and learning read the very same numbers.
import type { ModelConfig } from "../config.ts";

/** Angles of a list of places: cosine and sine, [places, half the head size]. */
export interface Angles {
  readonly cosine: Float32Array;
  readonly sine: Float32Array;
}

/** Rotary angles of the language model, computed once per position. */
export class RopeTable {
  readonly half: number;
  readonly #frequencies: readonly number[];
  /** Which axis (time, height, width) each frequency follows. */
  readonly #axes: readonly number[];
  #table: Angles = { cosine: new Float32Array(0), sine: new Float32Array(0) };

  constructor({ text }: ModelConfig) {
    this.half = text.headSize / 2;
    this.#frequencies = Array.from({ length: this.half }, (_, index) =>
      Math.fround(text.ropeTheta ** (-index / this.half)),
    );
    this.#axes = text.ropeSections.flatMap((size, axis) => new Array<number>(size).fill(axis));
  }

  /** Angles for text at positions 0 to `count` - 1. */
  upTo(count: number): Angles {
    if (this.#table.cosine.length < count * this.half) this.#grow(count);
    const end = count * this.half;
    return {
      cosine: this.#table.cosine.subarray(0, end),
      sine: this.#table.sine.subarray(0, end),
    };
  }

  /**
   * Writes the angles of a sequence into `target` from place `start` on. `positions` [3, length]
   * holds the time, height and width position of each token.
   */
  write(target: Angles, start: number, positions: Int32Array): void {
    const length = positions.length / 3;
    const highest = positions.reduce((most, position) => Math.max(most, position), 0);
    const { cosine, sine } = this.upTo(highest + 1);
    for (let place = 0; place < length; place++) {
      const to = (start + place) * this.half;
      for (let index = 0; index < this.half; index++) {
        const axis = this.#axes[index] ?? 0;
        const from = (positions[axis * length + place] ?? 0) * this.half + index;
        target.cosine[to + index] = cosine[from] ?? 0;
        target.sine[to + index] = sine[from] ?? 0;
      }
    }
  }

  #grow(count: number): void {
    const positions = Math.max(count, (2 * this.#table.cosine.length) / this.half);
    const cosine = new Float32Array(positions * this.half);
    const sine = new Float32Array(positions * this.half);
    for (let position = 0; position < positions; position++) {
      for (let index = 0; index < this.half; index++) {
        const angle = Math.fround(position * (this.#frequencies[index] ?? 0));
        cosine[position * this.half + index] = Math.cos(angle);
        sine[position * this.half + index] = Math.sin(angle);
      }
    }
    this.#table = { cosine, sine };
  }
}

/** Angles of patches at (row, column) `positions` [patches, 2], [patches, headSize / 2]. */
export function patchAngles({ vision }: ModelConfig, positions: Int32Array): Angles {
  const quarter = vision.headSize / 4;
  const patches = positions.length / 2;
  const cosine = new Float32Array(patches * 2 * quarter);
  const sine = new Float32Array(patches * 2 * quarter);
  for (let place = 0; place < 2 * patches; place++) {
    for (let index = 0; index < quarter; index++) {
      const frequency = Math.fround(vision.ropeTheta ** (-index / quarter));
      const angle = Math.fround((positions[place] ?? 0) * frequency);
      cosine[place * quarter + index] = Math.cos(angle);
      sine[place * quarter + index] = Math.sin(angle);
    }
  }
  return { cosine, sine };
}
