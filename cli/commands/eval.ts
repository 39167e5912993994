// `varft eval`: a run without steps. Of an evaluation's configuration its sets are played; of a
// run's, every evaluation once.
import {
  type Evaluated,
  evaluationRun,
  loadEvaluated,
  type RunConfig,
} from "../../config/index.ts";
import type { Command, CommandContext, Words } from "../command.ts";
import { UsageError } from "../errors.ts";
import {
  benchmarksJson,
  EvaluationItems,
  evalFacts,
  evaluationLines,
  summarizeSets,
  writePredictions,
} from "../evaluation/index.ts";
import {
  continuationResults,
  originalOf,
  type Results,
  resumedRun,
  tellSession,
} from "../launch/index.ts";
import { makeRunDirectory, newRunName, runDirectory } from "../run/index.ts";
import { overridesOf, refuseWithResume } from "./train.ts";

export const evaluate: Command = {
  name: "eval",
  about: "Evaluate a policy on benchmarks, or a run's checkpoint on the run's own sets",
  args: {
    config: {
      type: "positional",
      required: false,
      description: "TOML file of an evaluation, or of a run",
    },
    seed: { type: "string", valueHint: "N", description: "Short for --set run.seed=N" },
    set: { type: "string", valueHint: "KEY=VALUE", description: "Another value; repeatable" },
    resume: { type: "string", valueHint: "RUN", description: "Go on where an evaluation stopped" },
    predictions: {
      type: "string",
      valueHint: "DIR",
      description: "Write the answers of each set as varft score reads them",
    },
  },
  examples: [
    "varft eval config/eval-mini.toml",
    "varft eval config/eval-mat-coding.toml --set policy.directory=CHECKPOINT",
    "varft eval --resume eval-mini-20261122-150312 --predictions answers",
  ],
  async run(words, context) {
    const { openSession: open } = await import("../session/index.ts");
    const begun = await beginning(words, context);
    const parent = "beginning" in begun ? begun.beginning?.parent : undefined;
    const results =
      parent === undefined
        ? resultsOf(begun.config, words.text("predictions") ?? null)
        : continuationResults(parent, await originalOf(context.runs, parent));
    return tellSession({ ...begun, open, ...(results && { results }) }, context);
  },
};

async function beginning(words: Words, { runs, clock }: CommandContext) {
  const resume = words.text("resume");
  if (resume !== undefined) {
    refuseWithResume(words);
    const directory = await runDirectory(runs, resume);
    const resumed = await resumedRun(runs, resume);
    if (resumed.config.run.steps > 0) {
      throw new UsageError(`${resume} is a run with steps: varft train --resume ${resume}`);
    }
    return { run: resume, directory, ...resumed, fresh: false };
  }
  const file = words.text("config");
  if (file === undefined) {
    throw new UsageError("varft eval needs CONFIG or --resume RUN; see varft eval --help");
  }
  const given = await loadEvaluated(file, overridesOf(words));
  const config = await runOf(given, runs);
  const stem = newRunName(file, clock());
  const name = stem.startsWith("eval-") ? stem : `eval-${stem}`;
  return { ...(await makeRunDirectory(runs, name, config)), config, fresh: true };
}

async function runOf(given: Evaluated, runs: string): Promise<RunConfig> {
  if (given.kind === "evaluation") {
    return evaluationRun(given.config, await evalFacts(given.config, runs));
  }
  const { config } = given;
  const sets = config.evaluation.sets.map((set) => ({ ...set, when: ["before" as const] }));
  return { ...config, run: { ...config.run, steps: 0 }, evaluation: { everySteps: 0, sets } };
}

/** What is told at the end of an evaluation of benchmarks; null: of a run's own sets. */
function resultsOf(config: RunConfig, predictions: string | null): Results | null {
  if (config.evaluation.sets.every(({ benchmark }) => benchmark === undefined)) return null;
  const items = new EvaluationItems();
  const { seed } = config.run;
  return {
    add: (event) => items.add(event),
    json: () => benchmarksJson(summarizeSets(items.sets(), seed)),
    lines: (colors) => evaluationLines(summarizeSets(items.sets(), seed), colors),
    finish: async () => (predictions === null ? [] : writePredictions(items.sets(), predictions)),
  };
}
