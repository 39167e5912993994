// Qwen2.5-VL written a second time, plainly, in float64 and without any reordering: patches stay in
// merge order and windows are masks. The graphs are compared with it.

import type { ImageInput, ModelConfig, Sequence, TensorMap } from "../../model/index.ts";
import { ropeIndex } from "../../model/input/index.ts";

type Matrix = number[][];
type Mask = (query: number, key: number) => boolean;

export class ReferenceModel {
  readonly #config: ModelConfig;
  readonly #tensors: TensorMap;

  constructor(config: ModelConfig, tensors: TensorMap) {
    this.#config = config;
    this.#tensors = tensors;
  }

  /** Image tokens [tokens][hidden]. */
  vision({ pixels, grid }: ImageInput): Matrix {
    const { vision } = this.#config;
    const places = patchPlaces(grid, vision.mergeSize);
    const size = pixels.length / places.length;
    const patches = places.map((_, at) => [...pixels.subarray(at * size, (at + 1) * size)]);
    let x = this.#linear(patches, "visual.patch_embed.proj");
    const windowPatches =
      Math.floor(Math.floor(vision.windowSize / vision.mergeSize) / vision.patchSize) *
      vision.mergeSize;
    const window = places.map((place) => place.map((at) => Math.floor(at / windowPatches)).join());
    const quarter = vision.headSize / 4;
    const angles = places.map((place) =>
      place.flatMap((at) =>
        Array.from({ length: quarter }, (_, j) => at * vision.ropeTheta ** (-j / quarter)),
      ),
    );
    for (let index = 0; index < vision.layerCount; index++) {
      const layer = `visual.blocks.${index}`;
      const full = vision.fullAttentionLayers.includes(index);
      const qkv = this.#linear(this.#norm(x, `${layer}.norm1`), `${layer}.attn.qkv`);
      const part = (from: number) =>
        qkv.map((row) => row.slice(from * vision.hiddenSize, (from + 1) * vision.hiddenSize));
      const mixed = attention(
        rotate(part(0), angles),
        rotate(part(1), angles),
        part(2),
        vision.headSize,
        (query, key) => full || window[query] === window[key],
      );
      x = sum(x, this.#linear(mixed, `${layer}.attn.proj`));
      x = sum(x, this.#swiGlu(this.#norm(x, `${layer}.norm2`), layer));
    }
    const normed = this.#norm(x, "visual.merger.ln_q");
    const block = vision.mergeSize ** 2;
    const merged = Array.from({ length: normed.length / block }, (_, unit) =>
      normed.slice(unit * block, (unit + 1) * block).flat(),
    );
    const hidden = this.#linear(merged, "visual.merger.mlp.0").map((row) => row.map(gelu));
    return this.#linear(hidden, "visual.merger.mlp.2");
  }

  /** Logits [tokens][vocabulary] of a sequence. */
  logits({ ids, images }: Sequence): Matrix {
    const { text, tokens } = this.#config;
    const encoded = images.flatMap((image) => this.vision(image));
    let image = 0;
    let x = Array.from(ids, (id) =>
      id === tokens.image ? (encoded[image++] as number[]) : this.#row("model.embed_tokens", id),
    );
    const grids = images.map(({ grid }) => grid);
    const { positions } = ropeIndex(ids, grids, this.#config);
    const axes = text.ropeSections.flatMap((count, axis) => new Array<number>(count).fill(axis));
    const angles = Array.from(ids, (_, at) =>
      axes.map(
        (axis, j) =>
          (positions[axis * ids.length + at] as number) * text.ropeTheta ** (-j / axes.length),
      ),
    );
    for (let index = 0; index < text.layerCount; index++) {
      const layer = `model.layers.${index}`;
      const normed = this.#norm(x, `${layer}.input_layernorm`);
      const project = (name: string) => this.#linear(normed, `${layer}.self_attn.${name}_proj`);
      const groups = text.headCount / text.keyValueHeadCount;
      const mixed = attention(
        rotate(project("q"), angles),
        repeatHeads(rotate(project("k"), angles), text.headSize, groups),
        repeatHeads(project("v"), text.headSize, groups),
        text.headSize,
        (query, key) => key <= query,
      );
      x = sum(x, this.#linear(mixed, `${layer}.self_attn.o_proj`));
      x = sum(x, this.#swiGlu(this.#norm(x, `${layer}.post_attention_layernorm`), layer));
    }
    const head = text.tieEmbeddings ? "model.embed_tokens" : "lm_head";
    return this.#linear(this.#norm(x, "model.norm"), head);
  }

  #tensor(name: string): Float32Array {
    const values = this.#tensors.get(name);
    if (values === undefined) throw new Error(`no tensor ${name}`);
    return values;
  }

  #row(layer: string, index: number): number[] {
    const size = this.#config.text.hiddenSize;
    return [...this.#tensor(`${layer}.weight`).subarray(index * size, (index + 1) * size)];
  }

  #linear(x: Matrix, layer: string): Matrix {
    const weight = this.#tensor(`${layer}.weight`);
    const bias = this.#tensors.get(`${layer}.bias`);
    const inSize = x[0]?.length ?? 1;
    return x.map((row) =>
      Array.from({ length: weight.length / inSize }, (_, out) => {
        let total = bias?.[out] ?? 0;
        for (let at = 0; at < inSize; at++)
          total += (row[at] as number) * (weight[out * inSize + at] as number);
        return total;
      }),
    );
  }

  #norm(x: Matrix, layer: string): Matrix {
    const weight = this.#tensor(`${layer}.weight`);
    return x.map((row) => {
      const mean = row.reduce((total, value) => total + value * value, 0) / row.length;
      return row.map((value, at) => (value / Math.sqrt(mean + 1e-6)) * (weight[at] as number));
    });
  }

  #swiGlu(x: Matrix, layer: string): Matrix {
    const gate = this.#linear(x, `${layer}.mlp.gate_proj`);
    const up = this.#linear(x, `${layer}.mlp.up_proj`);
    const product = gate.map((row, at) =>
      row.map((value, j) => (value / (1 + Math.exp(-value))) * (up[at]?.[j] as number)),
    );
    return this.#linear(product, `${layer}.mlp.down_proj`);
  }
}

/** The distribution that is sampled, as logarithms: tempered, without banned tokens. */
export function policyLogProbs(
  logits: readonly number[],
  temperature: number,
  bannedIds: readonly number[],
): number[] {
  const tempered = logits.map((value, id) =>
    bannedIds.includes(id) ? -Infinity : value / temperature,
  );
  const top = Math.max(...tempered);
  const total = tempered.reduce((sum, value) => sum + Math.exp(value - top), 0);
  return tempered.map((value) => value - top - Math.log(total));
}

function patchPlaces([, height, width]: ImageInput["grid"], merge: number): number[][] {
  const places: number[][] = [];
  for (let top = 0; top < height; top += merge)
    for (let left = 0; left < width; left += merge)
      for (let row = top; row < top + merge; row++)
        for (let column = left; column < left + merge; column++) places.push([row, column]);
  return places;
}

function attention(q: Matrix, k: Matrix, v: Matrix, size: number, allowed: Mask): Matrix {
  const heads = (q[0]?.length ?? 0) / size;
  return q.map((query, at) =>
    Array.from({ length: heads }, (_, head) => {
      const from = head * size;
      const scores = k.map((key, other) => {
        if (!allowed(at, other)) return -Infinity;
        let dot = 0;
        for (let j = from; j < from + size; j++) dot += (query[j] as number) * (key[j] as number);
        return dot / Math.sqrt(size);
      });
      const top = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return Array.from({ length: size }, (_, j) =>
        v.reduce(
          (sum, row, other) =>
            sum + ((weights[other] as number) / total) * (row[from + j] as number),
          0,
        ),
      );
    }).flat(),
  );
}

function rotate(x: Matrix, angles: Matrix): Matrix {
  return x.map((row, at) => {
    const angle = angles[at] as number[];
    const size = 2 * angle.length;
    return row.map((value, j) => {
      const within = j % size;
      const low = within < angle.length;
      const theta = angle[within % angle.length] as number;
      const partner = row[low ? j + angle.length : j - angle.length] as number;
      return value * Math.cos(theta) + (low ? -partner : partner) * Math.sin(theta);
    });
  });
}

function repeatHeads(x: Matrix, size: number, groups: number): Matrix {
  return x.map((row) =>
    Array.from({ length: row.length / size }, (_, head) => {
      const values = row.slice(head * size, (head + 1) * size);
      return Array.from({ length: groups }, () => values).flat();
    }).flat(),
  );
}

function sum(a: Matrix, b: Matrix): Matrix {
  return a.map((row, at) => row.map((value, j) => value + (b[at]?.[j] as number)));
}

function gelu(x: number): number {
  // The error function by its Maclaurin series with a positive tail (as in the graph's float64).
  const z = x * Math.SQRT1_2;
  let series = 1;
  for (let term = 100; term > 0; term--) series = 1 + ((2 * z * z) / (2 * term + 1)) * series;
  return 0.5 * x * (1 + ((2 * z) / Math.sqrt(Math.PI)) * Math.exp(-z * z) * series);
}
