// Goal: an evaluation says which policy, which benchmark, asked how, and nothing that it would
// ignore; every shipped one is read, and is a run without steps.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planOf } from "../../actors/run/index.ts";
import {
  ConfigError,
  type EvalConfig,
  evaluationRun,
  loadEvaluated,
  parseEvalConfig,
  planSettings,
  untouched,
} from "../../config/index.ts";

const test = suite("config/evaluation");
const shipped = (await readdir("config")).filter((file) => /^eval-.*\.toml$/.test(file));

const text = `
[policy]
type = "base"
directory = "models/tiny"

[[sets]]
name = "coding"
type = "mat-coding"
file = "MAT-Coding.json"
`;

function parse(more: string, overrides: readonly string[] = []): EvalConfig {
  return parseEvalConfig({ file: "a.toml", text: text + more, overrides });
}

function refusal(more: string, overrides: readonly string[] = []): string {
  try {
    parse(more, overrides);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.message;
    throw thrown;
  }
  throw new Error("the configuration was taken");
}

function lowered(config: EvalConfig, tasks = 7, tasksPerEvent = 500) {
  return evaluationRun(config, {
    directory: "models/tiny",
    tune: untouched,
    policy: config.policy.type === "server" ? config.policy : null,
    sets: config.sets.map(() => ({ tasks, tasksPerEvent })),
  });
}

assert.ok(shipped.length >= 5, "the shipped evaluations are where they are looked for");

for (const file of shipped) {
  test(`config/${file} is read, and is a run without steps`, async () => {
    const given = await loadEvaluated(join("config", file));
    assert.is(given.kind, "evaluation");
    if (given.kind !== "evaluation") return;
    const run = lowered(given.config);
    assert.is(run.run.steps, 0);
    assert.equal(
      run.evaluation.sets.map(({ name, benchmark }) => [name, benchmark]),
      given.config.sets.map(({ name, type }) => [name, type]),
    );
  });
}

test("a run's configuration is taken as one", async () => {
  assert.is((await loadEvaluated("config/quickstart.toml")).kind, "run");
  assert.not(/\[policy\]/.test(await readFile("config/quickstart.toml", "utf8")));
});

test("the agent acts where no mode is given, greedily, with 5 turns", () => {
  const run = lowered(parse(""));
  const [item] = planOf(planSettings(run));
  assert.is(item?.kind, "evaluation");
  if (item?.kind !== "evaluation") return;
  assert.equal(item.sampling, { temperature: 1, greedy: true, tools: true });
  assert.equal([item.set, item.tasks, run.rollout.turnsMax], ["coding/heldout", 7, 5]);
  assert.equal([run.rollout.callsMax, run.determinism], [4, "strict"]);
});

test("a mode is part of how a set is sampled", () => {
  const run = lowered(parse('mode = "direct"\n'));
  const [item] = planOf(planSettings(run));
  assert.is(item?.kind === "evaluation" && item.sampling.mode, "direct");
});

test("a set of more tasks than fit into an event is played as several evaluations", () => {
  const items = planOf(planSettings(lowered(parse(""), 1_100, 500)));
  assert.equal(
    items.map((item) => item.kind === "evaluation" && [item.evaluation, item.first, item.tasks]),
    [
      [0, undefined, 500],
      [1, 500, 500],
      [2, 1_000, 100],
    ],
  );
});

const server = ["policy={ type = 'server', url = 'http://host:1', model = 'm' }"];

test("a server's answers are nothing that a run could be strict about", () => {
  const run = lowered(parse("", server));
  assert.is(run.determinism, "tolerance");
  assert.is(run.policy?.type, "server");
  assert.is(run.rollout.contextTokensMax, 60_000);
});

const search = '\n[search]\ntype = "bm25"\ncorpus = "mini"\nhits = 1\n';
const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["[policy2]\n", [], /unknown key "policy2"/],
  ["modes = 1\n", [], /unknown key "sets\.0\.modes"; did you mean "sets\.0\.mode"/],
  ['mode = "act"\n', [], /"sets\.0\.mode" must be one of/],
  ["", ["policy.type=adapter"], /"policy\.base" is missing/],
  ["", ["policy.type=served"], /policy\.type/],
  [text.slice(text.indexOf("[[")), [], /"coding" is the name of another set already/],
  ['mode = "rag"\n', [], /"search" is missing: the set "coding" searches/],
  [`mode = "direct"\n${search}`, [], /"search" has no effect/],
  ["", [...server, "rollout.threads=4"], /"rollout\.threads" has no effect/],
  ["", [...server, "rollout.context_tokens_max=9000"], /policy\.context_characters_max/],
  ["", [...server, "rollout.rows_max=8"], /"rollout\.rows_max" has no effect: a server samples/],
  ['mode = "direct"\n', ["rollout.turns_max=7"], /"rollout\.turns_max" has no effect/],
  ["", ["rollout.temperature=0.7"], /"rollout\.temperature" has no effect: every set is greedy/],
  ["", [...server, "determinism=strict"], /"determinism" must be "tolerance"/],
  ["", ["policy={ type = 'server', url = 'http://h/v1', model = 'm' }"], /without \/v1/],
  ["", ["policy={ type = 'server', url = 'http://h', model = 'm', api_key = 'x' }"], /api_key/],
];

for (const [more, overrides, words] of cases) {
  test(`refused: ${[more.trim().split("\n")[0], ...overrides].join(" ")}`, () => {
    assert.match(refusal(more, overrides), words);
  });
}

test.run();
