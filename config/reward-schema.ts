// `[reward]`: what a trajectory is paid for. Each component is a weight, or a table of a weight and
// settings; those that are left out are not measured. docs/tasks-and-rewards.md tells them all.
import { z } from "zod";

const weight = z.number();

/** `name = 0.5` is `name = { weight = 0.5 }`. */
function component<Shape extends z.ZodRawShape>(shape: Shape) {
  const table = z.strictObject(shape);
  const read = (value: unknown) => (typeof value === "number" ? { weight: value } : value);
  return z.preprocess(read, table).optional();
}

/** Which rules an answer is compared by; the two below change one of them alone. */
const metric = {
  weight,
  rules: z
    .enum(["corrected", "reference-training", "reference-coding", "reference-search"])
    .default("corrected"),
  overlap: z.enum(["multiset", "set"]).optional(),
  cjk: z.enum(["characters", "blanks", "either-side"]).optional(),
} as const;

const mode = z.enum(["corrected", "reference"]).default("corrected");
const path = z.string().min(1);
const setsMax = 32;
const count = (max: number) => z.int().min(1).max(max);

/** Sentence embeddings. */
const embeddings = {
  /** A folder of a sentence-transformers model with its ONNX file. */
  model: path,
  /** Similarities below count as 0; the reference cuts at 0.5. */
  cut: z.number().min(0).max(1).default(0),
} as const;

const judge = z.strictObject({
  weight,
  /** The root of an OpenAI-compatible server; `/v1/chat/completions` is asked there. */
  url: z.string().regex(/^https?:\/\/[^\s/?#@]+(?:\/[^\s?#@]*)?$/, "write http://HOST:PORT"),
  /** The model's name there. */
  model: z.string().min(1).max(512),
  /** The environment variable that holds the API key; the key itself is stored nowhere. */
  apiKeyVariable: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "write the name of an environment variable")
    .optional(),
  requestsMax: count(1_024).default(16),
  timeoutMs: count(3_600_000).default(60_000),
  attemptsMax: count(16).default(5),
});

const ownModule = z.strictObject({
  /** Of the component. */
  name: z.string().regex(/^[a-z][a-z0-9_]*$/, "use small letters, digits and underscores"),
  weight,
  /** A module of JavaScript or TypeScript, relative to the working directory. */
  path,
});

/** The components, in the order in which they are added up. */
export const reward = z.strictObject({
  f1: component(metric),
  format: component({ weight, mode }),
  /** Per executed tool call. */
  calls: component({ weight: z.number().max(0) }),
  exactMatch: component(metric),
  /** The troubles that were named, against the task's kind. */
  diagnosis: component({ weight, mode }),
  /** Programs that ran and changed the image; `reference`: a constant 0.9. */
  executed: component({ weight, mode }),
  /** +1 where tools rescue an answer, −1 where they break one. */
  correction: component({
    weight,
    /** Answers without tools, as `varft score` reads them. */
    baselineFile: path.optional(),
    /**
     * Evaluations of this run that ask its training tasks without tools before the first step.
     * Neither: the baseline is the group itself.
     */
    baselineSets: z.array(z.string().min(1)).min(1).max(setsMax).optional(),
  }),
  searchSimilarity: component({ weight, ...embeddings }),
  /** How near one step comes to the teacher's. */
  stepAccuracy: component({
    weight,
    mode,
    /** For steps that search; needed where there are any. */
    model: path.optional(),
    cut: z.number().min(0).max(1).optional(),
  }),
  judge: judge.optional(),
  modules: z.array(ownModule).max(32).default([]),
  /** `reference`: one trajectory of each group is paid as if it were the teacher's. */
  groundTruthInjection: z.enum(["off", "reference"]).default("off"),
});

type Reward = z.infer<typeof reward>;

/** Components without settings of their own and modules, by name. */
const componentNames = [
  "f1",
  "format",
  "calls",
  "exactMatch",
  "diagnosis",
  "executed",
  "correction",
  "searchSimilarity",
  "stepAccuracy",
  "judge",
] as const satisfies readonly (keyof Reward)[];

export type RewardComponentName = (typeof componentNames)[number];

/** The names of the components that a configuration has, in the order of the sum. */
export function rewardNames(given: Reward): readonly RewardComponentName[] {
  return componentNames.filter((name) => given[name] !== undefined);
}
