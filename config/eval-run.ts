// An evaluation as a run without steps. What a run needs and an evaluation does not (a learner,
// what is paid for) gets values that nothing reads. Pure.
import type { z } from "zod";
import type { EvalConfig, EvalSet } from "./eval-schema.ts";
import type { recordedPolicy } from "./policy-schema.ts";
import { restoreRunConfig } from "./read.ts";
import type { RunConfig } from "./run-schema.ts";

/** What has to be looked up to make a run of an evaluation. */
export interface EvalFacts {
  /** The checkpoint's folder. */
  readonly directory: string;
  readonly tune: RunConfig["tune"];
  /** The policy where it is not the checkpoint itself. */
  readonly policy: z.infer<typeof recordedPolicy> | null;
  /** Of each set: its tasks, and how many of them fit into one event. */
  readonly sets: readonly { readonly tasks: number; readonly tasksPerEvent: number }[];
}

const contextTokensDefault = 16_384;
/** An adapter of this size is nothing beside a checkpoint, and at the start it changes nothing. */
export const untouched = { type: "lora", rank: 1, alpha: 1, vision: false } as const;

const unread = {
  learner: {
    learningRate: 1e-6,
    beta2: 0.999,
    gradientNormMax: 1,
    minibatches: 1,
    clipLow: 0.2,
    clipHigh: 0.2,
    advantage: { type: "std" },
    mismatchMax: 1,
    microRows: 1,
  },
  reward: { f1: 1 },
  storage: { gradientBytesMax: 0, optimizerEverySteps: 1 },
} as const;

/** Nothing can be found there. */
const noSearch = { type: "bm25", corpus: "none", hits: 1 } as const;

/** The run that makes an evaluation. @throws {ConfigError} where the keys contradict each other */
export function evaluationRun(given: EvalConfig, facts: EvalFacts): RunConfig {
  const { run, sets, search, sandbox, bus, policy } = given;
  const isServed = policy.type === "server" || given.rollout.engine.type !== "built-in";
  const { callsMax, contextTokensMax, ...rollout } = given.rollout;
  const context =
    policy.type === "server"
      ? policy.contextCharactersMax
      : (contextTokensMax ?? contextTokensDefault);
  const lowered = {
    determinism: given.determinism ?? (isServed ? "tolerance" : "strict"),
    run: { ...run, steps: 0 },
    model: { directory: facts.directory },
    tune: facts.tune,
    ...(facts.policy && { policy: facts.policy }),
    tasks: { type: "mixture", sources: sets.map(sourceOf) },
    rollout: {
      ...rollout,
      ...(policy.type === "server" && { rowsMax: undefined, threads: undefined }),
      prompts: 1,
      samples: 2,
      callsMax: callsMax ?? rollout.turnsMax - 1,
      contextTokensMax: context,
    },
    evaluation: { sets: sets.map((set, at) => plannedOf(set, facts.sets[at])) },
    sandbox,
    search: search ?? noSearch,
    bus,
    ...unread,
  };
  return restoreRunConfig(JSON.parse(JSON.stringify(lowered)) as Record<string, unknown>);
}

function sourceOf(set: EvalSet) {
  const named = { name: set.name, weight: 0 };
  if (set.type === "mini") return { ...named, type: "mini" };
  const { file, images, badRowsAllowed } = set;
  const read = { ...named, file, images, badRowsAllowed, order: "file", heldoutShare: 1 };
  if (set.type !== "mapped") return { ...read, type: "rows" };
  return { ...read, type: "mapped", task: set.task, fields: set.fields };
}

function plannedOf(set: EvalSet, facts: EvalFacts["sets"][number] | undefined) {
  const { name, mode, greedy, type } = set;
  return {
    name,
    set: `${name}/${type === "mini" ? set.set : "heldout"}`,
    tasks: facts?.tasks,
    tasksPerEvent: facts?.tasksPerEvent,
    greedy,
    benchmark: type,
    when: ["before"],
    ...(mode !== "tools" && { mode }),
  };
}
