// How many threads a session may use without its bytes depending on the batch.
//
// Onnxruntime gives each thread some columns of a product, but only where there are enough rows to
// be worth it, and it chooses by the number of columns how many terms it sums at once. So a narrow
// product of many terms is summed otherwise for few rows than for many, and the bytes of a turn
// would depend on the turns that are sampled with it, that is on timing (measured with 96 columns,
// 256 terms and two threads). Weights that are part of the graph are packed beforehand, in one way.
import type { ModelConfig } from "../config.ts";
import type { Tuning } from "../qwen/index.ts";

/** What a policy can be asked to do; each role costs one session. */
export type Role = "vision" | "generate" | "stream" | "learn";

/** Pieces at least this wide are summed as the whole product is. */
const columnsPerThreadMin = 128;
/** Products of so many terms are summed at once, however wide they are. */
const termsAtOnce = 128;

/** A product: how many terms each of its values has, and how many columns. */
type Product = readonly [terms: number, columns: number];

/** The threads of a role's session: as many as are wanted and the narrowest product allows. */
export function threadsOf(role: Role, config: ModelConfig, tuning: Tuning, wanted: number): number {
  // The learner's batch is its call: equal calls give equal bytes with any number of threads.
  if (role === "learn" || tuning.type !== "full") return wanted;
  if (role === "vision" && tuning.scope === "language") return wanted;
  const products = role === "vision" ? visionProducts(config) : textProducts(config);
  const narrowest = products
    .filter(([terms]) => terms > termsAtOnce)
    .reduce((least, [, columns]) => Math.min(least, columns), Number.POSITIVE_INFINITY);
  return Math.max(1, Math.min(wanted, Math.floor(narrowest / columnsPerThreadMin)));
}

function visionProducts({ vision }: ModelConfig): readonly Product[] {
  const { hiddenSize, intermediateSize, mergeSize, outputSize } = vision;
  const merged = hiddenSize * mergeSize ** 2;
  return [
    [vision.channelCount * vision.temporalPatchSize * vision.patchSize ** 2, hiddenSize],
    [hiddenSize, hiddenSize],
    [hiddenSize, intermediateSize],
    [intermediateSize, hiddenSize],
    [merged, merged],
    [merged, outputSize],
  ];
}

function textProducts({ text }: ModelConfig): readonly Product[] {
  const { hiddenSize, intermediateSize, headCount, keyValueHeadCount, headSize } = text;
  return [
    [hiddenSize, keyValueHeadCount * headSize],
    [hiddenSize, headCount * headSize],
    [headCount * headSize, hiddenSize],
    [hiddenSize, intermediateSize],
    [intermediateSize, hiddenSize],
  ];
}
