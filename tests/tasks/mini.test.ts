// Goal: the mini benchmark is what it says: parts do not overlap, repairs repair, pairs are never
// demonstrated, everything is a pure function of its random stream.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import {
  demonstrate,
  drawKind,
  drawTask,
  exactMatch,
  f1,
  miniCorpus,
  miniSource,
  mixtures,
  officialRow,
  pairs,
  pairsKeptOut,
  parseAction,
  pixelError,
  splitOf,
} from "../../tasks/index.ts";

const test = suite("tasks/mini");
const faults = {
  lazy: 0.3,
  randomProblem: 0.2,
  habit: 0.2,
  randomArgument: 0.3,
  wrongName: 0.3,
  wrongAttribute: 0.1,
  careless: 0.5,
  silent: 0.5,
  retry: 0.3,
  astray: 0.5,
};

test("held-out texts are never drawn for training", () => {
  const random = new RandomStream("split");
  for (let index = 0; index < 300; index++) {
    const kind = drawKind(random, mixtures.train);
    const split = index % 2 === 0 ? "train" : "heldout";
    assert.is(splitOf(drawTask(random, "x", kind, split).text), split);
  }
});

test("a task is a function of its random stream", () => {
  const draw = () => drawTask(new RandomStream(1, "task", 5), "t", "rotation90+dark", "train");
  assert.equal(draw(), draw());
});

test("the reference repair of every spoilt image brings the letters back", () => {
  const random = new RandomStream("repair");
  for (const kind of ["rotation90", "rotation180", "dark", "overexposure", "noise", ...pairs]) {
    const task = drawTask(random, "t", kind, "train");
    assert.ok(task.reference);
    const spoilt = pixelError(task.image, task.reference) ?? 255;
    assert.ok(spoilt > 8, `${kind} is hardly spoilt: ${spoilt}`);
  }
});

test("no lesson shows a doubly spoilt image, and every agent message is well formed", () => {
  const random = new RandomStream("lessons");
  assert.throws(() => demonstrate(random, drawTask(random, "t", pairs[0] ?? "", "train"), faults));
  for (let index = 0; index < 300; index++) {
    const kind = drawKind(random, mixtures.warmup);
    assert.not.ok(kind.includes("+"));
    const { messages } = demonstrate(random, drawTask(random, "t", kind, "train"), faults);
    for (const message of messages) {
      if (message.role !== "agent") continue;
      assert.is.not(parseAction(message.text).kind, "malformed", message.text);
    }
  }
});

test("a slip in a query never leads to a held-out fact", () => {
  const random = new RandomStream("slips");
  const always = { ...faults, wrongName: 1 };
  for (let index = 0; index < 300; index++) {
    const task = drawTask(random, "t", "search", "train");
    const [query] = demonstrate(random, task, always).messages;
    const asked = /<search> (\w) (\w) /.exec(query?.text ?? "")?.slice(1) ?? [];
    assert.is(splitOf(asked), "train", query?.text);
    assert.is(
      asked.filter((letter) => task.text.includes(letter)).length,
      1,
      "one letter is wrong",
    );
  }
});

test("pairs kept out are not part of training", () => {
  const trained = mixtures.train.map(([kind]) => kind as string);
  for (const pair of pairsKeptOut) assert.not.ok(trained.includes(pair));
});

test("the corpus answers every question once", () => {
  const ids = miniCorpus().map(({ id }) => id);
  assert.is(new Set(ids).size, ids.length);
});

test("official rows carry the official keys", () => {
  const random = new RandomStream("rows");
  const coding = officialRow(drawTask(random, "c1", "rotation90+dark", "train"));
  assert.equal(Object.keys(coding).sort(), [
    "answers",
    "id",
    "ori_image_path",
    "processed_image_path",
    "question",
    "split",
    "type",
  ]);
  const search = officialRow(drawTask(random, "s1", "search", "train"));
  assert.equal(Object.keys(search).sort(), ["answer", "id", "image_path", "question"]);
});

test("a source hands out the same tasks for the same seed, image bytes included", async () => {
  const names = async (seed: number) =>
    (await miniSource(seed).training(3, 4)).map(({ task }) => task.image);
  assert.equal(await names(1), await names(1));
  assert.is.not((await names(1))[0], (await names(2))[0]);
});

test("metrics count words as a multiset and let an article be an answer", () => {
  assert.is(exactMatch("The 7 K.", ["7 k"]), 1);
  assert.is(exactMatch(null, ["x"]), 0);
  assert.is(f1("A", ["A"]), 1);
  assert.is(f1("New York New York", ["New York New York"]), 1);
  assert.is(f1("7 L", ["7 K"]), 0.5);
  assert.is(f1("", ["x"]), 0);
});

test.run();
