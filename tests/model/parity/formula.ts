// Numbers that Python and TypeScript make alike, so that a fixture needs no weights and no pixels:
// the other half of tests/reference/formula.py.
import type { ModelConfig, Parameter } from "../../../model/index.ts";
import { modelParameters } from "../../../model/index.ts";
import { sizeOfShape } from "../../../model/qwen/index.ts";

/** `count` numbers in [-1, 1), multiples of 2^-23: element i is a hash of (name, i). */
export function uniforms(name: string, count: number): Float64Array {
  const seed = fnv1a(name);
  const values = new Float64Array(count);
  for (let at = 0; at < count; at++) {
    // The last steps of murmur3.
    let x = (seed + Math.imul(at, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x ^= x >>> 16;
    values[at] = (x >>> 8) / 2 ** 23 - 1;
  }
  return values;
}

function fnv1a(text: string): number {
  return Buffer.from(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5);
}

/** float32 numbers in [middle - reach, middle + reach). */
export function spread(name: string, count: number, middle: number, reach: number): Float32Array {
  return Float32Array.from(uniforms(name, count), (value) => middle + reach * value);
}

/** The values of a parameter, by its published name. */
export function weightOf({ name, shape }: Pick<Parameter, "name" | "shape">): Float32Array {
  const count = sizeOfShape(shape);
  const fanIn = sizeOfShape(shape.slice(1));
  if (name.endsWith(".bias")) return spread(name, count, 0, 0.1);
  if (name === "model.norm.weight") return spread(name, count, 4, 1);
  if (shape.length === 1) return spread(name, count, 1, 0.2);
  if (name === "model.embed_tokens.weight" || name === "lm_head.weight")
    return spread(name, count, 0, 0.75 / Math.sqrt(fanIn));
  if (name.endsWith(".lora_B.weight")) return spread(name, count, 0, 0.5 / Math.sqrt(fanIn));
  return spread(name, count, 0, Math.sqrt(3 / fanIn));
}

/** All weights of a model. */
export function weightsOf(config: ModelConfig): Map<string, Float32Array> {
  return new Map(modelParameters(config).map((one) => [one.name, weightOf(one)]));
}

/** Two weighted sums of all values; a difference anywhere shows in them. */
export function projections(values: ArrayLike<number>): readonly number[] {
  return [0, 1].map((number) => {
    const weights = uniforms(`projection ${number}`, values.length);
    return weights.reduce((sum, weight, at) => sum + weight * (values[at] ?? 0), 0) * Math.sqrt(3);
  });
}
