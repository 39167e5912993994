// Token sequences as feeds: padded to the right, with rotary angles and the places of images.
import { assert } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import { ropeIndex } from "../input/index.ts";
import type { ImageInput } from "./images.ts";
import type { RopeTable } from "./rope.ts";
import type { Feeds } from "./session.ts";
import { floats, integers } from "./session.ts";

/** Tokens and the images that their image tokens stand for, in order. */
export interface Sequence {
  readonly ids: ArrayLike<number>;
  readonly images: readonly ImageInput[];
}

/** Feeds of a padded batch, and what else the caller needs to know about it. */
export interface SequenceFeeds {
  readonly feeds: Feeds;
  /** Padded length of every row, in tokens. */
  readonly length: number;
  /** Tokens of each row. */
  readonly lengths: readonly number[];
  /** The position after each row's last token. */
  readonly nextPositions: readonly number[];
  /** Flat positions (row * length + token) of image tokens, row by row. */
  readonly imagePositions: Int32Array;
  /** The images of all rows, in the order of `imagePositions`. */
  readonly images: readonly ImageInput[];
}

/** The fewest tokens of a padded row: matrix products need two rows to round alike. */
const lengthMin = 2;

/** Pads `rows` to the longest of them. */
export function sequenceFeeds(
  rows: readonly Sequence[],
  config: ModelConfig,
  rope: RopeTable,
): SequenceFeeds {
  const length = Math.max(lengthMin, ...rows.map(({ ids }) => ids.length));
  const count = rows.length * length;
  const ids = new Int32Array(count);
  const shape = [count, rope.half];
  // Padding keeps angle 0; nothing ever sees it.
  const cosine = new Float32Array(count * rope.half).fill(1);
  const sine = new Float32Array(count * rope.half);
  const imagePositions: number[] = [];
  const nextPositions: number[] = [];
  for (const [row, sequence] of rows.entries()) {
    assert(sequence.ids.length > 0, `row ${row} has no tokens`);
    const grids = sequence.images.map((image) => image.grid);
    const { positions, next } = ropeIndex(sequence.ids, grids, config);
    nextPositions.push(next);
    rope.write({ cosine, sine }, row * length, positions);
    for (let at = 0; at < sequence.ids.length; at++) {
      const id = sequence.ids[at] ?? 0;
      ids[row * length + at] = id;
      if (id === config.tokens.image) imagePositions.push(row * length + at);
    }
  }
  const steps = Int32Array.from({ length }, (_, step) => step);
  return {
    feeds: new Map([
      ["ids", integers(ids, [rows.length, length])],
      ["cosine", floats(cosine, shape)],
      ["sine", floats(sine, shape)],
      ["steps", integers(steps, [length])],
    ]),
    length,
    lengths: rows.map(({ ids }) => ids.length),
    nextPositions,
    imagePositions: Int32Array.from(imagePositions),
    images: rows.flatMap(({ images }) => images),
  };
}
