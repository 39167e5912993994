// The configuration of a warm start (`varft sft`): a checkpoint from nothing but seeded
// demonstrations.
import { z } from "zod";
import { device } from "./device-schema.ts";

const count = (max: number) => z.int().min(1).max(max);
const positive = z.number().positive();
const share = z.number().min(0).max(1);

const stepsMax = 1_000_000;
const batchMax = 4_096;
const sizeMax = 65_536;

const tokenizer = z.strictObject({
  /** Byte pairs that are merged, at most. */
  merges: count(200_000),
});

/** Sizes of the language model; one head has hidden_size / heads channels. */
const text = z.strictObject({
  hiddenSize: count(sizeMax),
  intermediateSize: count(sizeMax),
  layers: count(256),
  heads: count(256),
  keyValueHeads: count(256),
  ropeTheta: positive,
  /** Frequencies that follow time, height and width; their sum is half a head. */
  ropeSections: z.tuple([count(256), count(256), count(256)]),
});

const vision = z.strictObject({
  hiddenSize: count(sizeMax),
  intermediateSize: count(sizeMax),
  layers: count(256),
  heads: count(256),
  /** Side of a window of attention. */
  windowPixels: count(4_096),
  /** Layers, from 0, that attend over the whole image. */
  fullAttentionLayers: z.array(z.int().min(0).max(255)),
  /** Smallest and largest area that an image is resized to. */
  imagePixelsMin: count(2 ** 30),
  imagePixelsMax: count(2 ** 30),
});

const optimizer = z.strictObject({
  beta1: share.default(0.9),
  beta2: share,
  epsilon: positive.default(1e-8),
  weightDecay: z.number().min(0).default(0),
  gradientNormMax: positive,
});

const stage = {
  steps: count(stepsMax),
  /** Lessons of a step. */
  batch: count(batchMax),
  learningRate: positive,
  warmupSteps: z.int().min(0).max(stepsMax).default(0),
  /** What is left of the rate at the last step. */
  finalShare: share.default(1),
};

/** Reading, seeing what is wrong, copying: before any protocol. */
const perception = z.strictObject({
  ...stage,
  /** Steps until the letters may stand anywhere; before, their distance from the centre grows. */
  jitterSteps: z.int().min(0).max(stepsMax),
  jitterPixelsFirst: z.int().min(0).max(56),
  jitterPixelsLast: z.int().min(0).max(56),
  /** Shares of the lessons; the rest is reading. */
  mix: z.strictObject({ trouble: share, copy: share }),
});

/** Whole episodes, told by a teacher of known faults. */
const protocol = z.strictObject({
  ...stage,
  /** Perception lessons among the episodes, as a share: what was learnt is not forgotten. */
  rehearsal: share.default(0),
  /** Lessons from a field's coordinates to the line that cuts it out, as a share. */
  fields: share.default(0),
  faults: z.strictObject({
    lazy: share,
    randomProblem: share,
    habit: share,
    randomArgument: share,
    wrongName: share,
    wrongAttribute: share,
    careless: share,
    silent: share,
    retry: share,
    astray: share,
  }),
});

/** The file, key for key (in camel case). */
export const warmupSchema = z
  .strictObject({
    seed: z
      .int()
      .min(0)
      .max(2 ** 31),
    /** The checkpoint folder that is written, relative to the working directory. */
    output: z.string().min(1),
    dtype: z.enum(["F32", "BF16"]),
    device: device.default("cpu"),
    threads: count(256).default(1),
    microRows: count(batchMax),
    tokenizer,
    model: z.strictObject({ text, vision }),
    optimizer,
    perception,
    protocol,
  })
  .check(({ value, issues }) => {
    for (const [path, message] of contradictions(value)) {
      issues.push({ code: "custom", path: [...path], message, input: value });
    }
  });

/** A warm start's configuration, complete and checked. */
export type WarmupConfig = z.infer<typeof warmupSchema>;

type Contradiction = readonly [path: readonly string[], message: string];

function contradictions({ model, perception, protocol }: WarmupConfig): Contradiction[] {
  const found: Contradiction[] = [];
  const { text, vision } = model;
  if (text.hiddenSize % (2 * text.heads) !== 0) {
    found.push([["model", "text", "heads"], "must divide half of hidden_size"]);
  } else {
    const half = text.hiddenSize / text.heads / 2;
    const sum = text.ropeSections.reduce((total, section) => total + section, 0);
    if (sum !== half) {
      const message = `add up to ${sum}, half a head is ${half}`;
      found.push([["model", "text", "ropeSections"], message]);
    }
  }
  if (text.heads % text.keyValueHeads !== 0) {
    found.push([["model", "text", "keyValueHeads"], `must divide heads (${text.heads})`]);
  }
  if (vision.hiddenSize % (4 * vision.heads) !== 0) {
    found.push([["model", "vision", "heads"], "must divide a quarter of hidden_size"]);
  }
  if (vision.fullAttentionLayers.some((layer) => layer >= vision.layers)) {
    const message = `names a layer beyond the ${vision.layers} that there are`;
    found.push([["model", "vision", "fullAttentionLayers"], message]);
  }
  const { mix } = perception;
  if (mix.trouble + mix.copy > 1) found.push([["perception", "mix"], "adds up to more than 1"]);
  const { lazy, randomProblem } = protocol.faults;
  if (lazy + randomProblem > 1) {
    found.push([["protocol", "faults", "lazy"], "and random_problem add up to more than 1"]);
  }
  return found;
}
