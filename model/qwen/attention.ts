// Scaled dot-product attention over padded rows. Columns that a row does not own are masked by
// adding `maskedScore`, which is exact: their weight becomes 0 and the row's bytes do not depend on
// how far its neighbours padded it (measured, property-tested).
import type { Dimension, Node } from "../graph/index.ts";
import { add, attention, productOf, reshape, transpose } from "../graph/index.ts";

/** What is added to the score of a column that must not be seen. */
export const maskedScore = -1e30;

/** Sizes of an attention: rows of `length` positions each, and heads. */
export interface AttentionShape {
  readonly rows: Dimension;
  readonly length: Dimension;
  readonly keyValueHeads: number;
  /** Query heads per key-value head. */
  readonly groups: number;
  readonly headSize: number;
}

/** [rows * length, heads * size] to [rows, heads, length, size]. */
export function splitHeads(x: Node, shape: AttentionShape): Node {
  const { rows, length, keyValueHeads, headSize } = shape;
  return transpose(reshape(x, [rows, length, keyValueHeads, headSize]), [0, 2, 1, 3]);
}

/**
 * Attention of `query` [rows * length, heads * size] to `key` and `value`
 * [rows, keyValueHeads, length, size]. Query heads that share a key-value head are stacked as
 * further positions, so keys and values are never repeated. `mask` broadcasts to
 * [rows, keyValueHeads, length, groups, length]. Result [rows * length, heads * size].
 */
export function attend(
  query: Node,
  key: Node,
  value: Node,
  mask: Node,
  shape: AttentionShape,
): Node {
  const { rows, length, keyValueHeads, groups, headSize } = shape;
  const stacked = productOf(length, groups);
  const split = reshape(query, [rows, length, keyValueHeads, groups, headSize]);
  const queries = reshape(transpose(split, [0, 2, 1, 3, 4]), [
    rows,
    keyValueHeads,
    stacked,
    headSize,
  ]);
  const masked = (scores: Node) => {
    const split = reshape(scores, [rows, keyValueHeads, length, groups, length]);
    return reshape(add(split, mask), [rows, keyValueHeads, stacked, length]);
  };
  const attended = attention(queries, key, value, 1 / Math.sqrt(headSize), masked);
  const mixed = reshape(attended, [rows, keyValueHeads, length, groups, headSize]);
  const size = keyValueHeads * groups * headSize;
  return reshape(transpose(mixed, [0, 2, 1, 3, 4]), [productOf(rows, length), size]);
}
