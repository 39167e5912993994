// Goal: sources of tasks, protocols and rewards are read strictly; what cannot go together, or
// would have no effect, is told by key.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ConfigError, loadRunConfig, protocolOf, rewardNames } from "../../config/index.ts";

const test = suite("config/tasks and reward");
const run = "config/quickstart.toml";

async function refusal(...overrides: readonly string[]): Promise<string> {
  try {
    await loadRunConfig(run, overrides);
  } catch (thrown) {
    assert.instance(thrown, ConfigError);
    return (thrown as ConfigError).message;
  }
  throw new Error("nothing was refused");
}

const rows = 'tasks={ type = "rows", file = "a.json" }';
const steps = 'tasks={ type = "visual-arft-training", file = "a.json", play = "steps" }';
const mixture = (...sources: readonly string[]) =>
  `tasks={ type = "mixture", sources = [${sources.map((one) => `{ ${one} }`).join(", ")}] }`;

test("a weight is a component, and so is a table with one", async () => {
  const { reward } = await loadRunConfig(run, [
    'reward={ diagnosis = 0.5, f1 = { weight = 1, rules = "reference-training" }, calls = -0.1 }',
  ]);
  assert.equal(rewardNames(reward), ["f1", "calls", "diagnosis"]);
  assert.equal(reward.f1, { weight: 1, rules: "reference-training" });
  assert.equal(reward.diagnosis, { weight: 0.5, mode: "corrected" });
  assert.equal(reward.modules, []);
});

test("the quick start is paid as it always was", async () => {
  const { reward } = await loadRunConfig(run);
  assert.equal(rewardNames(reward), ["f1", "format", "calls"]);
  const weights = [reward.f1?.weight, reward.format?.weight, reward.calls?.weight];
  assert.equal(weights, [0.8, 0.2, -0.05]);
});

test("what is wrong with a component is named by its key", async () => {
  assert.match(await refusal("reward.calls=0.1"), '"reward.calls" must be a number of at most 0');
  assert.match(await refusal('reward.f1="1"'), '"reward.f1" must be a table, not "1"');
  assert.match(await refusal("reward.f2=1"), 'unknown key "reward.f2"; did you mean "reward.f1"?');
  const table = "reward.f1={ weight = 1, rulez = 1 }";
  assert.match(
    await refusal(table),
    'unknown key "reward.f1.rulez"; did you mean "reward.f1.rules"',
  );
  assert.match(await refusal('reward.f1={ rules = "corrected" }'), '"reward.f1.weight" is missing');
  assert.match(await refusal('reward.f1={ weight = 1, rules = "odd" }'), 'one of "corrected"');
  assert.match(await refusal("reward.search_similarity=1"), '"reward.search_similarity.model"');
  assert.match(await refusal("reward={}"), '"reward" has no component');
});

test("a component that would have no effect is told", async () => {
  assert.match(await refusal("reward.step_accuracy=1"), 'no source of tasks has play = "steps"');
  const cut = 'reward.step_accuracy={ weight = 1, mode = "reference", cut = 0.4 }';
  assert.match(await refusal(steps, cut), "which cuts at 0.5");
  const twice = '{ name = "f1", weight = 1, path = "x.ts" }';
  assert.match(await refusal(`reward.modules=[${twice}]`), "name of another component already");
});

test("a baseline is played before it is asked, without tools, over what is trained on", async () => {
  const asking = (...names: readonly string[]) =>
    `reward.correction={ weight = 1, baseline_sets = ${JSON.stringify(names)} }`;
  const set = (change: string) =>
    `evaluation.sets=[{ name = "bare", tasks = 9, greedy = true, ${change} }]`;
  const right = 'set = "training", mode = "direct", when = ["before"]';
  const config = await loadRunConfig(run, [asking("bare"), set(right)]);
  assert.equal(config.reward.correction, { weight: 1, baselineSets: ["bare"] });
  const said = (names: string, change: string) => refusal(asking(names), set(change));
  assert.match(await said("bar", right), '"reward.correction.baseline_sets.0" is "bar": no eval');
  assert.match(await said("bare", right.replace("before", "after")), 'needs when = ["before"]');
  assert.match(await said("bare", right.replace("direct", "rag")), 'needs mode = "direct"');
  assert.match(await said("bare", right.replace("training", "singles")), 'needs set = "training"');
  const both = 'reward.correction={ weight = 1, baseline_sets = ["bare"], baseline_file = "a" }';
  assert.match(await refusal(both, set(right)), "has no effect beside baseline_file");
  assert.match(await refusal(asking(), set(right)), "reward.correction.baseline_sets");
});

test("a judge at a server is no part of a strict run", async () => {
  const judge = 'reward.judge={ weight = 1, url = "http://h:1", model = "m" }';
  assert.match(await refusal(judge), '"determinism" must be "tolerance" with reward.judge');
  const config = await loadRunConfig(run, [judge, 'determinism="tolerance"']);
  assert.is(config.reward.judge?.attemptsMax, 5);
  const secret = 'reward.judge={ weight = 1, url = "http://me:pw@h:1", model = "m" }';
  assert.match(await refusal(secret), "write http://HOST:PORT");
});

test("the mini benchmark has its own few words, other tasks the published ones", async () => {
  assert.is(protocolOf(await loadRunConfig(run)), "short");
  assert.is(protocolOf(await loadRunConfig(run, [rows])), "chat");
  assert.is(protocolOf(await loadRunConfig(run, [rows, 'rollout.protocol="short"'])), "short");
  const both = mixture('type = "mini", name = "a"', 'type = "rows", name = "b", file = "b.json"');
  assert.is(protocolOf(await loadRunConfig(run, [both])), "chat");
});

test("the reference's protocol trains no turn that another one follows", async () => {
  const reference = 'rollout.protocol="reference"';
  assert.match(await refusal(rows, reference), '"rollout.protocol" is "reference", in which');
  const alone = [rows, reference, "run.steps=0"];
  assert.is(protocolOf(await loadRunConfig(run, alone)), "reference");
  const single = await loadRunConfig(run, [steps, reference, "rollout.turns_max=1"]);
  assert.is(protocolOf(single), "reference");
});

test("single steps are one turn", async () => {
  assert.match(await refusal(steps), '"rollout.turns_max" must be 1 where tasks are single steps');
  const short = ['rollout.protocol="short"', "rollout.turns_max=1"];
  assert.match(await refusal(steps, ...short), "a teacher's steps follow its instructions");
});

test("the sources of a mixture have names of their own, and one of them a weight", async () => {
  const a = 'type = "mini", name = "a"';
  assert.match(await refusal(mixture(a, a)), '"a" is the name of another source already');
  const never = 'type = "mini", name = "a", weight = 0';
  assert.match(await refusal(mixture(never)), '"tasks.sources" have no weight above 0');
  await loadRunConfig(run, [mixture(never), "run.steps=0"]);
  assert.match(await refusal(mixture('type = "mini"')), '"tasks.sources.0.name" is missing');
});

test("keys of another kind of source are told", async () => {
  const fields = 'tasks={ type = "rows", file = "a", fields = { question = "q", answers = "a" } }';
  assert.match(await refusal(fields), '"tasks.fields" has no effect with type = "rows"');
  const mapped =
    'tasks={ type = "mapped", file = "a", task = "search", fields = { question = "q" } }';
  assert.match(await refusal(mapped), '"tasks.fields.answers" is missing');
  const parquet = 'tasks={ type = "parquet", file = "a" }';
  assert.match(await refusal(parquet), 'one of "mini", "rows", "visual-arft-training", "mapped"');
});

test.run();
