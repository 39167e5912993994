// The vision tower: patches to image tokens (transformers, modeling_qwen2_5_vl.py).
import type { Dimension, Node } from "../graph/index.ts";
import {
  add,
  dimension,
  gather,
  gelu,
  linear,
  multiply,
  productOf,
  regroupRows,
  reshape,
  rmsNorm,
  rotary,
  silu,
} from "../graph/index.ts";
import { attend, splitHeads } from "./attention.ts";
import type { Weights } from "./weights.ts";

/** How patches are grouped for attention: padded groups of patch numbers, and the way back. */
interface Grouping {
  readonly index: Node;
  readonly inverse: Node;
  readonly mask: Node;
  readonly cosine: Node;
  readonly sine: Node;
}

/**
 * The tower over the graph's inputs. All images of a batch stand in one list of patches, in window
 * order; `pixels` [patches, values], `patchCosine` and `patchSine` [patches, headSize / 2]. For
 * attention, patches are grouped by window and by frame: `windowIndex` [windows, longest] holds
 * patch numbers (any number where a window is shorter), `windowInverse` [patches] the slot of each
 * patch, `windowMask` [windows, longest] 0 or the masked score; the same for `frame`.
 */
export class VisionTower {
  /** Number of patches: that of image tokens, `units`, times the patches that one token merges. */
  readonly patches: Dimension;
  readonly #weights: Weights;
  readonly #units: Dimension;
  readonly #windows: Grouping;
  readonly #frames: Grouping;

  constructor(weights: Weights) {
    const { graph } = weights;
    const { vision } = weights.config;
    this.#weights = weights;
    this.#units = dimension("units");
    this.patches = productOf(vision.mergeSize ** 2, this.#units);
    const angles = [this.patches, vision.headSize / 2];
    const cosine = graph.input("patchCosine", graph.float, angles);
    const sine = graph.input("patchSine", graph.float, angles);
    this.#windows = grouping(weights, "window", this.patches, { cosine, sine });
    this.#frames = grouping(weights, "frame", this.patches, { cosine, sine });
  }

  /** Patches as hidden states [patches, hidden]. */
  embed(): Node {
    const {
      graph,
      config: { vision },
    } = this.#weights;
    const valueCount = vision.channelCount * vision.temporalPatchSize * vision.patchSize ** 2;
    const pixels = graph.input("pixels", graph.float, [this.patches, valueCount]);
    const filter = this.#weights.get("visual.patch_embed.proj.weight");
    return linear(pixels, reshape(filter, [vision.hiddenSize, valueCount]));
  }

  /** The layers `start` up to before `end`. */
  layers(input: Node, start: number, end: number): Node {
    const {
      graph,
      config: { vision },
    } = this.#weights;
    let x = input;
    for (let index = start; index < end; index++) {
      const layer = `visual.blocks.${index}`;
      const full = vision.fullAttentionLayers.includes(index);
      const groups = full ? this.#frames : this.#windows;
      x = graph.within(layer, () => visionBlock(this.#weights, layer, x, groups));
    }
    return x;
  }

  /** Hidden states merged to image tokens [units, text hidden]. */
  merge(x: Node): Node {
    const weights = this.#weights;
    const { vision } = weights.config;
    return weights.graph.within("visual.merger", () => {
      const normal = rmsNorm(x, weights.get("visual.merger.ln_q.weight"), vision.normEpsilon);
      const merged = reshape(normal, [this.#units, vision.mergeSize ** 2 * vision.hiddenSize]);
      const hidden = gelu(weights.linear(merged, "visual.merger.mlp.0", { bias: true }));
      return weights.linear(hidden, "visual.merger.mlp.2", { bias: true });
    });
  }
}

/** Image tokens [units, hidden] of the graph's inputs. */
export function visionTokens(weights: Weights): Node {
  const tower = new VisionTower(weights);
  return tower.merge(tower.layers(tower.embed(), 0, weights.config.vision.layerCount));
}

interface Angles {
  readonly cosine: Node;
  readonly sine: Node;
}

function grouping(weights: Weights, name: string, patches: Dimension, angles: Angles): Grouping {
  const { graph } = weights;
  const { headSize } = weights.config.vision;
  const shape = [dimension(`${name}s`), dimension(`${name}Length`)];
  const index = graph.input(`${name}Index`, "int64", shape);
  const grouped = (angle: Node) =>
    reshape(gather(angle, index), [productOf(...shape), headSize / 2]);
  return {
    index,
    inverse: graph.input(`${name}Inverse`, "int64", [patches]),
    mask: graph.input(`${name}Mask`, graph.float, shape),
    cosine: grouped(angles.cosine),
    sine: grouped(angles.sine),
  };
}

function visionBlock(weights: Weights, layer: string, x: Node, groups: Grouping): Node {
  const { vision } = weights.config;
  const normed = rmsNorm(x, weights.get(`${layer}.norm1.weight`), vision.normEpsilon);
  const attended = visionAttention(weights, `${layer}.attn`, normed, groups);
  const middle = add(x, weights.linear(attended, `${layer}.attn.proj`, { bias: true }));
  const second = rmsNorm(middle, weights.get(`${layer}.norm2.weight`), vision.normEpsilon);
  const gate = silu(weights.linear(second, `${layer}.mlp.gate_proj`, { bias: true }));
  const up = weights.linear(second, `${layer}.mlp.up_proj`, { bias: true });
  const down = weights.linear(multiply(gate, up), `${layer}.mlp.down_proj`, { bias: true });
  return add(middle, down);
}

function visionAttention(weights: Weights, layer: string, x: Node, groups: Grouping): Node {
  const { hiddenSize, headCount, headSize } = weights.config.vision;
  const [rows = 0, length = 0] = groups.index.shape;
  const count = productOf(rows, length);
  const grouped = reshape(regroupRows(x, groups.index, groups.inverse), [count, hiddenSize]);
  const part = (index: number) =>
    weights.linearPart(grouped, `${layer}.qkv`, index * hiddenSize, (index + 1) * hiddenSize);
  const rotated = (index: number) => rotary(part(index), groups.cosine, groups.sine, headCount);
  const shape = { rows, length, keyValueHeads: headCount, groups: 1, headSize };
  const key = splitHeads(rotated(1), shape);
  const value = splitHeads(part(2), shape);
  const mask = reshape(groups.mask, [rows, 1, 1, 1, length]);
  const mixed = attend(rotated(0), key, value, mask, shape);
  return gather(mixed, groups.inverse);
}
