// Goal: what a person gets wrong in a configuration is named by key, file and line, with the mend.
import { readdir, readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LearnerRules, ScheduleSettings } from "../../actors/learner/index.ts";
import { type RewardSettings, rewardOf } from "../../actors/reward-judge/index.ts";
import type { TrajectoryLimits } from "../../actors/rollout/index.ts";
import { type PlanSettings, planOf } from "../../actors/run/index.ts";
import {
  batchSettings,
  ConfigError,
  loadEvaluated,
  loadRunConfig,
  loadWarmupConfig,
  parseRunConfig,
  planSettings,
  restoreRunConfig,
  scheduleSettings,
} from "../../config/index.ts";
import { encode, eventBytesMax } from "../../events/index.ts";
import { defaultContainerLimits, defaultLimits } from "../../sandbox/index.ts";
import { partsPerAppendMax } from "../../storage/index.ts";
import { miniSource, mixtures, type perceive } from "../../tasks/index.ts";

const test = suite("config/read");
const file = "config/quickstart.toml";
const text = await readFile(file, "utf8");

function refusal(source: string, overrides: readonly string[] = []): ConfigError {
  try {
    parseRunConfig({ file: "a.toml", text: source, overrides });
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown;
    throw thrown;
  }
  throw new Error("the configuration was taken");
}

/** The message for the quick start's text with `from` replaced. */
function refusalOf(from: string, to: string): string {
  assert.ok(text.includes(from), `the preset has ${from}`);
  return refusal(text.replace(from, to)).message;
}

function lineOf(part: string): number {
  return text.slice(0, text.indexOf(part)).split("\n").length;
}

test("every shipped file is complete, and opens with what it costs", async () => {
  const files = (await readdir("config")).filter((name) => name.endsWith(".toml"));
  assert.ok(files.length >= 2);
  for (const name of files) {
    const path = `config/${name}`;
    assert.match(await readFile(path, "utf8"), /^# .+\n# Cost: /, name);
    if (name.startsWith("eval-")) await loadEvaluated(path);
    else await (name.startsWith("warmup") ? loadWarmupConfig(path) : loadRunConfig(path));
  }
});

test("the quick start is what the actors take, name for name", async () => {
  const config = await loadRunConfig(file);
  const limits: TrajectoryLimits = config.rollout;
  const paid: RewardSettings = config.reward;
  const { mismatchMax } = config.learner;
  const rules: LearnerRules = { ...batchSettings(config), mismatchMax, stepsBefore: 0 };
  const schedule: ScheduleSettings = scheduleSettings(config);
  const settings: PlanSettings = planSettings(config);
  assert.ok(
    limits.turnsMax > 1 &&
      rewardOf({ em: 1, f1: 1, format: 1, calls: 2 }, paid).reward === 0.9 &&
      rules.advantage.type === "fixed",
  );
  assert.is(schedule.steps, config.run.steps);
  const plan = planOf(settings);
  assert.is(plan.filter(({ kind }) => kind === "step").length, config.run.steps);
  const sets = config.evaluation.sets.map(({ set }) => set);
  for (const set of sets) assert.ok(set in mixtures, set);
});

test("limits that are left out are the sandbox's own", async () => {
  const { sandbox } = await loadRunConfig(file);
  assert.equal(sandbox.limits, defaultLimits);
  assert.equal(sandbox.container, defaultContainerLimits);
});

test("a group fits one append, the tasks of a step fit one event", async () => {
  const samples = refusal(text, [`rollout.samples=${partsPerAppendMax + 1}`]).message;
  assert.match(samples, `at most ${partsPerAppendMax}`);
  const prompts = refusal(text, ["rollout.prompts=400"]).message;
  assert.match(prompts, "times samples is 3200, at most 2048");
  assert.match(refusal(text, ["rollout.prompts=501"]).message, "at most 500");
  const drawn = await miniSource(1).training(0, 50);
  const tasks = Array.from({ length: 10 }, () => drawn.map(({ task }) => task)).flat();
  assert.ok(encode(tasks, eventBytesMax).length < 0.9 * eventBytesMax);
});

test("the warm start is what the lessons take", async () => {
  const { perception, protocol } = await loadWarmupConfig("config/warmup.toml");
  const mix: Parameters<typeof perceive>[1] = perception.mix;
  const faults: Parameters<typeof import("../../tasks/index.ts").demonstrate>[2] = protocol.faults;
  assert.ok(mix.copy > 0 && faults.retry > 0);
});

test("a mistyped key is named with file, line and the key that was meant", () => {
  const message = refusalOf("learning_rate = 2e-4", "lerning_rate = 2e-4");
  const line = lineOf("learning_rate");
  assert.match(message, `a.toml:${line}: unknown key "learner.lerning_rate"`);
  assert.match(message, 'did you mean "learner.learning_rate"?');
  // The missing key is told after the one that explains it.
  assert.ok(message.indexOf("lerning") < message.indexOf('"learner.learning_rate" is missing'));
});

test("a key in the wrong section, or of no section, is led to its place", () => {
  assert.match(
    refusal(`clip_low = 0.2\n${text}`).message,
    'a.toml:1: unknown key "clip_low"; the nearest known key is "learner.clip_low"',
  );
  assert.match(
    refusalOf("[run]", "[run]\nbanana = 1"),
    'unknown key "run.banana"; known here: seed',
  );
  assert.match(refusalOf("[sandbox]", "[sandbx]"), 'unknown key "sandbx"; did you mean "sandbox"?');
});

test("a key in camel case is unknown, and its snake case is offered", () => {
  const message = refusalOf("clip_low = 0.2", "clipLow = 0.2");
  assert.match(message, 'unknown key "learner.clipLow"; did you mean "learner.clip_low"?');
});

test("an ill-typed value is named with what was wanted and what was found", () => {
  const cases: readonly (readonly [from: string, to: string, words: string])[] = [
    ["prompts = 16", 'prompts = "many"', '"rollout.prompts" must be a number, not "many"'],
    ["prompts = 16", "prompts = 1.5", '"rollout.prompts" must be a whole number, not 1.5'],
    ["prompts = 16", "prompts = 0", '"rollout.prompts" must be a number of at least 1, not 0'],
    ["calls = -0.05", "calls = 0.05", '"reward.calls" must be a number of at most 0, not 0.05'],
    ["memo = true", "memo = 1", '"sandbox.memo" must be true or false, not 1'],
    ['type = "full"', 'type = "lorra"', '"tune.type" must be one of "full", "lora", not "lorra"'],
    ['"strict"', '"loose"', '"determinism" must be one of "strict", "tolerance", not "loose"'],
    ["samples = 8\n", "", '"rollout.samples" is missing: a number'],
  ];
  for (const [from, to, words] of cases) assert.match(refusalOf(from, to), words);
});

test("a fault inside a list names the entry and its line", () => {
  const message = refusalOf("tasks = 256\ngreedy = false", "tasks = 256\ngreedy = 3");
  const line = lineOf("greedy = false");
  assert.match(message, `a.toml:${line}: "evaluation.sets.1.greedy" must be true or false, not 3`);
  assert.match(
    refusalOf('name = "pairs"', 'name = "singles"'),
    '"evaluation.sets.2.name" "singles" is the name of another set already',
  );
});

test("a key that a choice ignores is refused", () => {
  assert.match(
    refusalOf('type = "full"', 'type = "full"\nrank = 8'),
    '"tune.rank" has no effect with type = "full": leave it out',
  );
  const message = refusalOf('{ type = "fixed", scale = 0.5 }', '{ type = "std", scale = 0.5 }');
  assert.match(message, '"learner.advantage.scale" has no effect with type = "std"');
  assert.match(message, `a.toml:${lineOf("advantage =")}`);
  assert.match(refusal(text, ["evaluation.every_steps=5"]).message, "has no effect: no set asks");
});

test("values that contradict each other are refused", () => {
  const message = refusal(text, ["rollout.turn_tokens_max=9999"]).message;
  assert.match(message, "--set rollout.turn_tokens_max=9999: ");
  assert.match(message, "must be less than rollout.context_tokens_max (");
});

test("text that is not TOML is shown where it breaks", () => {
  const message = refusal("[run]\nseed = = 1\n").message;
  assert.match(message, "a.toml:2: ");
  assert.match(message, "seed = = 1");
});

test("a file that is not there is named", async () => {
  try {
    await loadRunConfig("config/nowhere.toml");
    assert.unreachable();
  } catch (thrown) {
    assert.instance(thrown, ConfigError);
    assert.match((thrown as ConfigError).message, "config/nowhere.toml: cannot be read: ENOENT");
  }
});

test("overrides are checked like the file and named when they are wrong", () => {
  const config = parseRunConfig({
    file,
    text,
    overrides: [
      "learner.learning_rate=3e-4",
      "model.directory=models/other",
      'tune={ type = "lora", rank = 8, alpha = 16, vision = false }',
      "evaluation.sets.0.tasks=8",
    ],
  });
  assert.is(config.learner.learningRate, 3e-4);
  assert.is(config.model.directory, "models/other");
  assert.equal(config.tune, { type: "lora", rank: 8, alpha: 16, vision: false });
  assert.is(config.evaluation.sets[0]?.tasks, 8);
  const wrong = (given: string) => refusal(text, [given]).message;
  assert.match(wrong("learner.rate=1"), '--set learner.rate=1: unknown key "learner.rate"');
  assert.match(wrong("run.steps=some"), '--set run.steps=some: "run.steps" must be a number');
  assert.match(wrong("run.steps"), '"run.steps" is not KEY=VALUE');
  assert.match(wrong("run.steps.deep=1"), '"run.steps.deep" cannot be set');
  assert.match(wrong("evaluation.sets.9.tasks=1"), "cannot be set");
});

test("a recorded configuration comes back equal", () => {
  const config = parseRunConfig({ file, text });
  assert.equal(restoreRunConfig(config), config);
  assert.is(restoreRunConfig(config, ["run.steps=7"]).run.steps, 7);
  // It fits into an event.
  assert.ok(encode(config).length < 8_192);
});

test.run();
