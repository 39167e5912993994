// `[reward]`: what a trajectory is paid for. Each component is a weight, or a table of a weight and
// settings; those that are left out are not measured. docs/tasks-and-rewards.md tells them all.
import { z } from "zod";
import type { RunConfig } from "./run-schema.ts";

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

type Reward = RunConfig["reward"];
type Fault = readonly [path: readonly (string | number)[], message: string];

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

/** What a reward cannot be, and keys that would have no effect. */
export function rewardContradictions({
  reward: given,
  tasks,
  determinism,
  evaluation,
  run,
}: RunConfig): Fault[] {
  const faults: Fault[] = [];
  const names = rewardNames(given).map(String);
  if (names.length + given.modules.length === 0) {
    faults.push([["reward"], "has no component: nothing would be learned"]);
  }
  for (const [index, { name }] of given.modules.entries()) {
    const taken =
      names.includes(name) || given.modules.slice(0, index).some((o) => o.name === name);
    if (taken) {
      const message = `"${name}" is the name of another component already`;
      faults.push([["reward", "modules", index, "name"], message]);
    }
  }
  const steps = tasks.type === "mixture" ? tasks.sources : [tasks];
  const hasSteps = steps.some((one) => one.type === "visual-arft-training" && one.play === "steps");
  if (given.stepAccuracy !== undefined && !hasSteps) {
    const message = 'has no effect: no source of tasks has play = "steps"';
    faults.push([["reward", "stepAccuracy"], message]);
  }
  if (given.stepAccuracy?.mode === "reference" && given.stepAccuracy.cut !== undefined) {
    const message = 'has no effect with mode = "reference", which cuts at 0.5';
    faults.push([["reward", "stepAccuracy", "cut"], message]);
  }
  if (given.judge !== undefined && determinism === "strict") {
    const message =
      'must be "tolerance" with reward.judge: what a server says is recorded, but nobody can say ' +
      "that it would say it again";
    faults.push([["determinism"], message]);
  }
  return [...faults, ...correctionFaults(given, evaluation, run.steps)];
}

/** A baseline is played before it is asked, without tools, over what is trained on. */
function correctionFaults(
  { correction }: Reward,
  { sets }: Pick<RunConfig["evaluation"], "sets">,
  steps: number,
): Fault[] {
  const { baselineSets: names, baselineFile } = correction ?? {};
  if (names === undefined) return [];
  const place = ["reward", "correction", "baselineSets"] as const;
  if (baselineFile !== undefined) return [[place, "has no effect beside baseline_file"]];
  // What teaches nothing compares with nothing: a continued trajectory has its run's reward.
  if (steps === 0) return [];
  return names.flatMap((name, index): Fault[] => {
    const found = sets.find((set) => set.name === name);
    const says = (message: string): Fault[] => [[[...place, index], message]];
    if (found === undefined) return says(`is "${name}": no evaluation set has this name`);
    const fix = baselineMend(found);
    return fix === null ? [] : says(`is "${name}", an evaluation set that needs ${fix}`);
  });
}

function baselineMend({ when, mode, set }: RunConfig["evaluation"]["sets"][number]): string | null {
  if (!when.includes("before")) return 'when = ["before"]';
  if (mode !== "direct" && mode !== "cot") return 'mode = "direct" (or "cot"): no tool is called';
  if (/^(?:[^/]+\/)?training$/.test(set)) return null;
  return 'set = "training", or "SOURCE/training" of a mixture';
}
