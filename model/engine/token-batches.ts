// Cuts the tokens that are scored into batches, so that the logits of a large vocabulary are held
// for some of them at a time, and adds up what the batches give.
//   B1. How tokens are cut is a function of their number and of the vocabulary alone, and results
//       are added in order: equal calls give equal bytes.
import { Tensor } from "onnxruntime-node";
import { assert } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import { tokenInputs } from "../qwen/index.ts";
import type { Feeds, Results } from "./session.ts";
import { floatResult } from "./session.ts";

/** Logits of a batch, bytes; a handful of tensors of this size exist at once. */
const logitBytesMax = 2 ** 28;
const floatBytes = 4;

/** The most tokens that are scored in one run. */
export function scoredTokensMax({ text }: ModelConfig): number {
  return Math.max(2, Math.floor(logitBytesMax / (floatBytes * text.vocabularySize)));
}

/** The feeds of batches of about equal length, at most `tokensMax`, in the order of tokens. */
export function tokenBatches(feeds: Feeds, tokensMax: number): readonly Feeds[] {
  const tokens = feeds.get("chosen")?.data.length ?? 0;
  const count = Math.ceil(tokens / tokensMax);
  if (count === 1) return [feeds];
  const limit = (batch: number) => Math.floor((batch * tokens) / count);
  return Array.from({ length: count }, (_, batch) => {
    const parts = tokenInputs.map((name) => {
      const feed = feeds.get(name);
      assert(feed?.data.length === tokens, `${name} has a value per chosen token`);
      return [name, cut(feed, limit(batch), limit(batch + 1))] as const;
    });
    return new Map([...feeds, ...parts]);
  });
}

function cut({ data }: Tensor, start: number, end: number): Tensor {
  const shape = [end - start];
  if (data instanceof BigInt64Array) return new Tensor("int64", data.slice(start, end), shape);
  assert(data instanceof Float32Array, "what is given per token is int64 or float32");
  return new Tensor("float32", data.slice(start, end), shape);
}

/** What is told per token, and is put together; all else is a sum over tokens, and is added. */
const perToken = new Set(["logProbs", "entropies"]);

/** The results of all tokens, from those of their batches. */
export function joinBatches(batches: readonly Results[]): Results {
  const [first, ...others] = batches;
  assert(first !== undefined, "there is a batch");
  const total: Record<string, { readonly data: unknown }> = { ...first };
  for (const name of others.length === 0 ? [] : Object.keys(first)) {
    if (!perToken.has(name)) for (const results of others) addResult(total, name, results);
    else total[name] = { data: joined(batches.map((results) => floatResult(results, name))) };
  }
  return total;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Adds the result `name` to `total`; an empty one stands for zeros. */
export function addResult(
  total: Record<string, { readonly data: unknown }>,
  name: string,
  results: Results,
): void {
  const part = floatResult(results, name);
  if (part.length === 0) return;
  const before = floatResult(total, name);
  const data =
    before.length === 0 ? part : part.map((value, at) => Math.fround(value + (before[at] ?? 0)));
  total[name] = { data };
}
