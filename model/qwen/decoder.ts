// The language model over whole sequences: what prefill and learning share.
import type { Dimension, Node } from "../graph/index.ts";
import {
  add,
  dimension,
  gather,
  lessOrEqual,
  multiply,
  productOf,
  replaceRows,
  reshape,
  rmsNorm,
  rotary,
  scalar,
  silu,
  where,
} from "../graph/index.ts";
import type { AttentionShape } from "./attention.ts";
import { attend, maskedScore, splitHeads } from "./attention.ts";
import type { Weights } from "./weights.ts";

/** Keys and values of one layer, [rows, heads, columns, size]. */
export interface LayerCache {
  readonly key: Node;
  readonly value: Node;
}

/** Everything a decoder layer needs to know about where its tokens stand. */
export interface SequenceContext {
  readonly rows: Dimension;
  readonly length: Dimension;
  /** Rotary angles per token, [rows * length, headSize / 2]. */
  readonly cosine: Node;
  readonly sine: Node;
  /** What may see what, broadcast to [rows, heads, length, groups, length]. */
  readonly mask: Node;
}

/** A causal mask [length, 1, length] from `steps`, the numbers 0 to length - 1 (int64). */
export function causalMask(steps: Node): Node {
  const [length = 0] = steps.shape;
  const seen = lessOrEqual(reshape(steps, [1, 1, length]), reshape(steps, [length, 1, 1]));
  return where(seen, scalar(steps.graph, 0), scalar(steps.graph, maskedScore));
}

/** Token embeddings [n, hidden] of `ids` (int64 [n]), image tokens replaced by rows of `images`. */
export function embedTokens(weights: Weights, ids: Node, images?: ImageTokens): Node {
  const embedded = weights.rows("model.embed_tokens.weight", ids);
  return images === undefined ? embedded : replaceRows(embedded, images.positions, images.rows);
}

/** Image tokens [k, hidden] and the flat token positions (int64 [k]) where they belong. */
export interface ImageTokens {
  readonly rows: Node;
  readonly positions: Node;
}

/** Image tokens [units, hidden] that the tower computed in an earlier run, as an input. */
export function encodedImages({ graph, config }: Weights): Node {
  return graph.input("imageRows", graph.float, [dimension("units"), config.text.hiddenSize]);
}

/**
 * The places of image tokens in a batch: place i is the flat position `imagePositions[i]` and takes
 * row `imageSource[i]` of `encoded`, so that an image that occurs twice is encoded once.
 */
export function imagePlaces({ graph }: Weights, encoded: Node): ImageTokens {
  const places = dimension("places");
  const source = graph.input("imageSource", "int64", [places]);
  const positions = graph.input("imagePositions", "int64", [places]);
  return { rows: gather(encoded, source), positions };
}

/** One decoder layer over whole sequences: `x` [rows * length, hidden]. */
export function decoderLayer(
  weights: Weights,
  index: number,
  x: Node,
  context: SequenceContext,
): { readonly output: Node; readonly cache: LayerCache } {
  const layer = `model.layers.${index}`;
  return weights.graph.within(layer, () => {
    const shape = attentionShape(weights, context.rows, context.length);
    const { query, key, value } = projections(weights, layer, x, context);
    const cache = { key: splitHeads(key, shape), value: splitHeads(value, shape) };
    const mixed = attend(query, cache.key, cache.value, context.mask, shape);
    return { output: finishLayer(weights, layer, x, mixed), cache };
  });
}

/** Normed, projected and rotated: queries, keys and values of `x` as [n, heads * size]. */
export function projections(
  weights: Weights,
  layer: string,
  x: Node,
  angles: { readonly cosine: Node; readonly sine: Node },
): { readonly query: Node; readonly key: Node; readonly value: Node } {
  const { headCount, keyValueHeadCount, normEpsilon } = weights.config.text;
  const normed = rmsNorm(x, weights.get(`${layer}.input_layernorm.weight`), normEpsilon);
  const project = (name: string) =>
    weights.linear(normed, `${layer}.self_attn.${name}_proj`, { bias: true });
  return {
    query: rotary(project("q"), angles.cosine, angles.sine, headCount),
    key: rotary(project("k"), angles.cosine, angles.sine, keyValueHeadCount),
    value: project("v"),
  };
}

/** What follows attention in a layer: output projection, residuals and the SwiGLU block. */
export function finishLayer(weights: Weights, layer: string, x: Node, mixed: Node): Node {
  const { normEpsilon } = weights.config.text;
  const middle = add(x, weights.linear(mixed, `${layer}.self_attn.o_proj`));
  const norm = weights.get(`${layer}.post_attention_layernorm.weight`);
  const normed = rmsNorm(middle, norm, normEpsilon);
  const gate = silu(weights.linear(normed, `${layer}.mlp.gate_proj`));
  const up = weights.linear(normed, `${layer}.mlp.up_proj`);
  return add(middle, weights.linear(multiply(gate, up), `${layer}.mlp.down_proj`));
}

/** Logits [n, vocabulary] of hidden states [n, hidden]. */
export function logitsOf(weights: Weights, hidden: Node): Node {
  const { text } = weights.config;
  return weights.graph.within("lm_head", () => {
    const normed = rmsNorm(hidden, weights.get("model.norm.weight"), text.normEpsilon);
    return weights.linear(normed, text.tieEmbeddings ? "model.embed_tokens" : "lm_head");
  });
}

/** The attention sizes of the language model for `rows` sequences of `length`. */
export function attentionShape(
  { config: { text } }: Weights,
  rows: Dimension,
  length: Dimension,
): AttentionShape {
  return {
    rows,
    length,
    keyValueHeads: text.keyValueHeadCount,
    groups: text.headCount / text.keyValueHeadCount,
    headSize: text.headSize,
  };
}

/** The number of tokens in `rows` sequences of `length`. */
export function tokenCount(rows: Dimension, length: Dimension): Dimension {
  return productOf(rows, length);
}
