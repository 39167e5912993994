// Goal: each component of a reward is worth what it says, at its edges too; faults of the reference
// are had by name; what a component lacks is an error that names it.
// Method: trajectories put together by hand, judged through the same book as a run's.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TrajectoryContext } from "../../actors/index.ts";
import {
  openRewards,
  RewardModuleError,
  RewardSetupError,
  rewardOf,
} from "../../actors/reward-judge/index.ts";
import { restoreRunConfig } from "../../config/index.ts";
import { type HashName, hashName, streams, type Task } from "../../events/index.ts";
import { EmbedderError } from "../../model/index.ts";
import { environmentOf } from "../../tasks/index.ts";
import { writeTinyEmbedder } from "../model/tiny-embedder.ts";
import { raises } from "../model-input/raises.ts";
import { tinyConfig } from "./tiny-run.ts";

const test = suite("rewards");
let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-rewards-"));
  await mkdir(join(folder, "embedder"));
  await writeTinyEmbedder(join(folder, "embedder"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

const setup = { type: RewardSetupError, code: "reward-setup" };
const name = (text: string) => hashName(Buffer.from(text));
const [dark, clean] = [name("dark"), name("clean")];

const task = (change: Partial<Task> = {}): Task => ({
  id: "t",
  task: "coding",
  kind: "dark",
  question: "?",
  answers: ["7 K"],
  image: dark,
  reference: clean,
  ...change,
});

type Turn = readonly [text: string, output?: HashName | null, input?: HashName];
const say = (tag: string, body: string) => `<think> t</think><${tag}>${body}</${tag}>`;
const problem = (...labels: string[]): Turn => [
  say("problem", ` {${labels.map((label) => `'${label}'`).join(", ")}}`),
];
const code = (output: HashName | null, input = dark): Turn => [
  say("code", "```python\nx\n```"),
  output,
  input,
];
const search = (query: string): Turn => [say("search", query)];
const answer = (text: string): Turn => [say("answer", text)];

/** The state of a trajectory that ended with these turns. */
function context(turns: readonly Turn[], given: Task): TrajectoryContext {
  const { parseAction } = environmentOf("chat");
  const last = parseAction(turns.at(-1)?.[0] ?? "");
  const history = turns.map(([text, output, image]) => {
    const call = { turn: 0, tool: "python", input: "x", image: image ?? null } as const;
    const cause = output === null ? "error" : "ok";
    const reply = { tool: "python", cause, text: "", image: output ?? null } as const;
    const none = output === undefined;
    const ids = Int32Array.from(Buffer.from(text));
    return { ids, finish: "stop" as const, call: none ? null : call, answer: none ? null : reply };
  });
  return {
    policy: null,
    task: given.id,
    sampling: { temperature: 1, greedy: false, tools: true },
    segments: [],
    images: given.image === null ? [] : [given.image],
    length: 0,
    turns: turns.length,
    calls: history.filter(({ call }) => call !== null).length,
    pending: null,
    history,
    end:
      last.kind === "answer"
        ? { cause: "answered", answer: last.answer }
        : { cause: "turn-limit", answer: null },
  };
}

interface Judged {
  readonly turns: readonly Turn[];
  readonly task?: Task;
}

/** The components of trajectories of one group, as they would be recorded. */
async function judge(reward: object, all: readonly Judged[], step: number | `e${number}` = 1) {
  const config = restoreRunConfig({
    ...tinyConfig(),
    tasks: { type: "visual-arft-training", file: "x", play: "steps" },
    rollout: {
      ...tinyConfig().rollout,
      turnsMax: 1,
      protocol: "chat",
      samples: Math.max(2, all.length),
    },
    reward,
  });
  const { rewards, close } = await openRewards({
    config,
    comparePixels: async (image, other) => (image === other ? 0 : image === name("same") ? 0 : 9),
    openDecoder: async () => (ids) => Buffer.from(ids).toString(),
    parseAction: environmentOf("chat").parseAction,
    readImage: async (image) => (image === dark ? Buffer.from("dark") : null),
    env: { KEY: "secret" },
    signal: new AbortController().signal,
  });
  try {
    const measured = await Promise.all(
      all.map(async ({ turns, task: given = task() }, sample) => {
        const stream = streams.trajectory("r", step, 0, sample);
        const outcome = await rewards.measure(stream, context(turns, given), given);
        return { outcome, task: given };
      }),
    );
    return (await rewards.settle(measured)).map((outcome) => {
      const { components, reward: sum } = rewardOf(outcome, config.reward, outcome.values);
      const values = Object.fromEntries(components.map((one) => [one.name, one.value]));
      return { values, components, sum, outcome };
    });
  } finally {
    await close();
  }
}

const worthOf = async (reward: object, judged: Judged, of = Object.keys(reward)[0] ?? "") => {
  const [one] = await judge(reward, [judged]);
  return one?.values[of];
};

test("components are added in a fixed order and named with function and version", async () => {
  const reward = { judge: undefined, diagnosis: 0.5, calls: -0.1, format: { weight: 0.2 }, f1: 1 };
  const [one] = await judge(reward, [{ turns: [problem("dark"), code(clean), answer("7 K")] }]);
  assert.equal(one?.components, [
    { name: "f1", value: 1, weight: 1, function: "f1@1" },
    { name: "format", value: 1, weight: 0.2, function: "format@1" },
    { name: "calls", value: 1, weight: -0.1, function: "calls@1" },
    { name: "diagnosis", value: 1, weight: 0.5, function: "diagnosis@1" },
  ]);
  assert.is(one?.sum, 1 + 0.2 - 0.1 + 0.5);
});

test("F1 and exact match: corrected, or with the reference's faults by name", async () => {
  const letter = { turns: [answer("A")], task: task({ answers: ["A"] }) };
  const twice = {
    turns: [answer("New York New York")],
    task: task({ answers: ["New York New York"] }),
  };
  const chinese = { turns: [answer("发票号")], task: task({ answers: ["发票 号码"] }) };
  assert.is(await worthOf({ f1: 1 }, letter), 1);
  assert.is(await worthOf({ f1: { weight: 1, rules: "reference-training" } }, letter), 0);
  assert.is(await worthOf({ f1: { weight: 1, rules: "reference-training" } }, twice), 0.5);
  assert.is(await worthOf({ f1: { weight: 1, rules: "reference-coding" } }, letter), 1);
  assert.is(await worthOf({ exact_match: 1 }, letter), 1);
  assert.is(await worthOf({ exact_match: 1 }, { turns: [answer("7 L")] }), 0);
  assert.is(await worthOf({ exact_match: 1 }, { turns: [problem("dark")] }), 0);
  assert.ok(Math.abs(Number(await worthOf({ f1: 1 }, chinese)) - 6 / 7) < 1e-12);
  assert.is(await worthOf({ f1: { weight: 1, cjk: "blanks" } }, chinese), 0);
  const [one] = await judge({ f1: { weight: 1, rules: "reference-training", cjk: "blanks" } }, [
    letter,
  ]);
  assert.is(one?.components[0]?.function, "f1@1+reference-training,blanks");
});

test("format: every turn a thought and an action, or the reference's patterns", async () => {
  assert.is(await worthOf({ format: 1 }, { turns: [answer("x")] }), 1);
  assert.is(await worthOf({ format: 1 }, { turns: [["no tags"]] }), 0);
  const strict = { format: { weight: 1, mode: "reference" } };
  assert.is(await worthOf(strict, { turns: [problem("dark"), answer("x")] }), 1);
  assert.is(await worthOf(strict, { turns: [[`${say("answer", "x")}\n`]] }), 0);
  assert.is(await worthOf(strict, { turns: [problem("dark"), ["<answer> x</answer>"]] }), 0);
});

test("diagnosis: the share of labels, or the reference's half for a rotation", async () => {
  const pair = task({ kind: "rotation90+dark" });
  const cases: readonly (readonly [string[], number, number])[] = [
    [["rotation90", "dark"], 1, 1],
    [["dark", "rotation90"], 1, 1],
    [["rotation90"], 0.5, 0.5],
    [["dark"], 0.5, 0],
    [["blur"], 0, 0],
    [["rotation90", "blur"], 1 / 3, 0],
  ];
  for (const [labels, share, published] of cases) {
    const judged = { turns: [problem(...labels), answer("x")], task: pair };
    assert.is(await worthOf({ diagnosis: 1 }, judged), share, labels.join());
    const reference = { diagnosis: { weight: 1, mode: "reference" } };
    assert.is(await worthOf(reference, judged), published, labels.join());
  }
  const twice = { turns: [problem("dark", "dark"), answer("x")] };
  assert.is(await worthOf({ diagnosis: 1 }, twice), 1);
  assert.is(await worthOf({ diagnosis: { weight: 1, mode: "reference" } }, twice), 0);
  assert.is(await worthOf({ diagnosis: 1 }, { turns: [answer("x")] }), 0);
  const own = { turns: [problem("dark")], task: task({ kind: "maps" }) };
  assert.is(await worthOf({ diagnosis: 1 }, own), 0);
});

test("executed: a program that ran and changed the image; none where nothing is to be repaired", async () => {
  const sound = task({ kind: "none", reference: null });
  const asked = task({ task: "search", kind: "search" });
  const cases: readonly (readonly [string, Judged, number, number])[] = [
    ["ran and changed", { turns: [problem("dark"), code(clean)] }, 1, 0.9],
    ["failed", { turns: [problem("dark"), code(null)] }, 0, 0.9],
    ["gave its input back", { turns: [problem("dark"), code(dark)] }, 0, 0.9],
    ["gave the same pixels back", { turns: [code(name("same"))] }, 0, 0.9],
    ["failed, then ran", { turns: [code(null), code(clean)] }, 1, 0.9],
    ["was not called", { turns: [problem("dark"), answer("x")] }, 0, 0],
    ["hello, without a tag", { turns: [["hello"]] }, 0, 0.9],
    ["sound, not called", { turns: [problem("none"), answer("x")], task: sound }, 1, 0],
    ["sound, called", { turns: [problem("none"), code(clean)], task: sound }, 0, 0],
    ["a search", { turns: [search("who")], task: asked }, 0, 0],
  ];
  for (const [about, judged, value, published] of cases) {
    assert.is(await worthOf({ executed: 1 }, judged), value, about);
    const reference = { executed: { weight: 1, mode: "reference" } };
    assert.is(await worthOf(reference, judged), published, `${about}, reference`);
  }
});

test("correction: rescued +, broken −, against those of the group that called no tool", async () => {
  const right = { turns: [code(clean), answer("7 K")] };
  const wrong = { turns: [code(clean), answer("no")] };
  const bare = (text: string) => ({ turns: [answer(text)] });
  const values = async (...all: Judged[]) =>
    (await judge({ correction: 1 }, all)).map(({ values: found }) => found["correction"]);
  assert.equal(await values(right, wrong, bare("no"), bare("7 K")), [0.5, -0.5, 0, 0]);
  assert.equal(await values(right, bare("no")), [1, 0]);
  assert.equal(await values(wrong, bare("7 K")), [-1, 0]);
  assert.equal(await values(right, wrong), [0, 0], "nothing to compare with");
});

test("correction against a file of predictions without tools", async () => {
  const file = join(folder, "direct.json");
  const rows = [
    { query: "first?", gt: "7 K", pred_answer: "7 K" },
    { query: "second?", gt: "7 K", pred_answer: null },
  ];
  await writeFile(file, JSON.stringify(rows));
  const settings = { correction: { weight: 1, baseline_file: file } };
  const asked = (question: string, said: string) => ({
    turns: [code(clean), answer(said)],
    task: task({ question }),
  });
  const all = [asked("first?", "7 K"), asked("first?", "no"), asked("second?", "7 K")];
  const unknown = asked("third?", "7 K");
  const judged = await judge(settings, [...all, unknown]);
  assert.equal(
    judged.map(({ values }) => values["correction"]),
    [0, -1, 1, 0],
  );
  assert.is(judged[0]?.components[0]?.function, "correction@1+predictions");
  const missing = { correction: { weight: 1, baseline_file: join(folder, "none.json") } };
  await raises(() => judge(missing, all), { ...setup, names: ["baseline_file"] });
});

test("similarity of searches: each to the teacher's nearest, cut where that is asked for", async () => {
  const model = join(folder, "embedder");
  const taught = task({ task: "search", kind: "search", queries: ["who made it", "red"] });
  const similar = (turns: readonly Turn[], cut = 0, given = taught) =>
    worthOf({ search_similarity: { weight: 1, model, cut } }, { turns, task: given });
  assert.ok(Math.abs(Number(await similar([search("Who made it")])) - 1) < 1e-6);
  const far = Number(await similar([search("blue")]));
  assert.ok(far < 0.999, `${far}`);
  assert.is(await similar([search("blue")], far + 1e-6), 0);
  assert.is(await similar([search("blue")], far), far);
  const mean = Number(await similar([search("red"), search("blue")]));
  assert.ok(Math.abs(mean - (1 + far) / 2) < 1e-6);
  assert.is(await similar([answer("x")]), 0);
  assert.is(await similar([search("red")], 0, task({ task: "search" })), 0);
  const none = { search_similarity: { weight: 1, model: join(folder, "none") } };
  await raises(() => judge(none, []), {
    type: EmbedderError,
    code: "embedder",
    names: ["none has no onnx/model.onnx"],
  });
});

test("one step against the teacher's: corrected, or as the reference pays it", async () => {
  const model = join(folder, "embedder");
  const step = (solution: string, change: Partial<Task> = {}) =>
    task({ ...change, step: { prompt: "p", solution, demonstration: null } });
  const program = "<code>\n```python\nx\n```\n</code>";
  const asked = { task: "search", kind: "search" } as const;
  const cases: readonly (readonly [string, Turn, Task, number, number])[] = [
    ["an answer", answer("A"), step("<answer> A </answer>"), 1, 0],
    ["another action", search("A"), step("<answer> A </answer>", asked), 0, 0],
    ["a program", code(clean), step(program), 1, 0.9],
    ["hello where code is due", ["hello"], step(program), 0, 0.9],
    [
      "half of a pair",
      problem("dark"),
      step("<problem> {'rotation90', 'dark'} </problem>"),
      0.5,
      0,
    ],
    ["a label twice", problem("dark", "dark"), step("<problem> {'dark'} </problem>"), 1, 0],
  ];
  for (const [about, turn, given, value, published] of cases) {
    const judged = { turns: [turn], task: given };
    assert.is(await worthOf({ step_accuracy: { weight: 1, model } }, judged), value, about);
    const reference = { step_accuracy: { weight: 1, model, mode: "reference" } };
    assert.is(await worthOf(reference, judged), published, `${about}, reference`);
  }
  const searched = { turns: [search("who made it")], task: step("<search> red </search>", asked) };
  const alike = Number(await worthOf({ step_accuracy: { weight: 1, model } }, searched));
  const cut = { step_accuracy: { weight: 1, model, cut: alike + 1e-6 } };
  assert.is(await worthOf(cut, searched), 0);
  const reference = { step_accuracy: { weight: 1, model, mode: "reference" } };
  assert.is(await worthOf(reference, searched), alike < 0.5 ? 0 : alike);
  await raises(() => judge({ step_accuracy: 1 }, [searched]), {
    ...setup,
    names: ["step_accuracy.model"],
  });
});

test("ground-truth injection pays one trajectory of a group for the teacher's words", async () => {
  const reward = { f1: 1, format: 1, executed: 1, ground_truth_injection: "reference" };
  const bad: Judged = { turns: [["mumble"]] };
  const judged = await judge(reward, [bad, bad, bad, bad]);
  const paid = judged.filter(({ outcome }) => outcome.injected);
  assert.equal(judged.map(({ sum }) => sum).sort(), [0, 0, 0, 3]);
  assert.is(paid.length, 1);
  assert.is(paid[0]?.outcome.em, 0, "the metrics stay the model's own");
  const evaluated = await judge(reward, [bad, bad], "e0");
  assert.equal(
    evaluated.map(({ sum }) => sum),
    [0, 0],
  );
  const again = await judge(reward, [bad, bad, bad, bad]);
  assert.equal(
    again.map(({ sum }) => sum),
    judged.map(({ sum }) => sum),
  );
});

test("a step's ground truth is its demonstration, paid as the reference pays it", async () => {
  const program = "<code>\n```python\nx\n```\n</code>";
  const demonstration = `<think> ok. </think>\n${program}`;
  const given = task({ answers: [], step: { prompt: "p", solution: program, demonstration } });
  const reward = {
    format: { weight: 1, mode: "reference" },
    step_accuracy: { weight: 1, mode: "reference" },
    ground_truth_injection: "reference",
  };
  const bad: Judged = { turns: [["<answer>"]], task: given };
  const sums = (await judge(reward, [bad, bad])).map(({ sum }) => sum);
  assert.equal(sums.sort(), [0, 1.9]);
});

test("a module of one's own sees the trajectory; its file's hash is recorded", async () => {
  const path = "tests/fixtures/rewards/brevity.ts";
  const reward = { modules: [{ name: "brevity", weight: 2, path }] };
  const [one] = await judge(reward, [{ turns: [answer("7 K")] }]);
  assert.is(one?.sum, 2 * (1 / 4 + 1));
  assert.match(one?.components[0]?.function ?? "", /^brevity\.ts@sha256:[0-9a-f]{64}$/);
  const type = { type: RewardModuleError, code: "reward-module" };
  const stream = "trajectory/r/1.0.0";
  const run = (said: string) => () => judge(reward, [{ turns: [answer(said)] }]);
  await raises(run("throw"), { ...type, names: [path, stream, "threw cannot read this"] });
  await raises(run("odd"), { ...type, names: [path, stream, "NaN, no finite number"] });
  const of = (file: string) => () =>
    judge({ modules: [{ name: "own", weight: 1, path: file }] }, []);
  await raises(of("tests/fixtures/rewards/none.ts"), { ...type, names: ["exports no function"] });
  await raises(of("tests/fixtures/rewards/missing.ts"), { ...type, names: ["cannot be read"] });
});

test.run();
