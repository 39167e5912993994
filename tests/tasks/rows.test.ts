// Goal: official files are played as they are downloaded, their images found in the folder beside
// them; what does not fit names its file and line; a mixture draws its sources by weight.
// Method: tests/fixtures/visual-arft, a few drawn tasks in the official layouts, and broken copies.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type DatasetFile,
  miniSource,
  mixtureSource,
  readDataset,
  rowSource,
  type TaskSource,
} from "../../tasks/index.ts";

const test = suite("tasks/rows");
const official = "tests/fixtures/visual-arft";
let directory = "";
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varft-rows-"));
});
test.after(() => rm(directory, { recursive: true }));

const row = { id: 12, question: "What is the serving size?", golden_answers: ["1 Can (473ml)"] };
const pictured = { id: 1, question: "q", answer: "a", image_path: "i.png" };

async function write(name: string, rows: readonly unknown[]): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, rows.map((one) => JSON.stringify(one)).join("\n"));
  return file;
}

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "nothing was thrown",
    (error) => error.message,
  );
}

const rowsOf = (file: string) => ({ type: "rows", file, badRowsAllowed: false }) as const;
const options = { seed: 3, order: "shuffled", heldoutShare: 0, check: async () => {} } as const;

async function source(dataset: DatasetFile, heldoutShare = 0): Promise<TaskSource> {
  const { rows } = await readDataset(dataset);
  return rowSource(dataset.file, rows, { ...options, heldoutShare });
}

const trainingOf = (file: string, play: "episodes" | "steps") =>
  source({
    type: "visual-arft-training",
    play,
    file: `${official}/${file}`,
    badRowsAllowed: false,
  });

test("the training rows are played whole: question, answer, both images, the teacher's searches", async () => {
  const code = await trainingOf("MAT-Training/rft_agent_code_1_2k.json", "episodes");
  const tasks = await code.training(0, 4);
  const kinds = tasks.map(({ task }) => task.kind).sort();
  assert.equal(kinds, ["dark", "none", "rotation180+dark", "rotation90"]);
  for (const { task, image, reference } of tasks) {
    assert.ok(image !== null && task.answers.length === 1 && task.question.startsWith("Read"));
    assert.is(reference === null, task.kind === "none");
  }
  const search = await trainingOf("MAT-Training/rft_agent_search_20.json", "episodes");
  for (const { task, image } of await search.training(0, 2)) {
    assert.is(task.queries?.length, 1);
    assert.ok(image !== null && task.answers.length === 1);
  }
});

test("the same rows are played step by step, as the reference trains", async () => {
  const code = await trainingOf("MAT-Training/rft_agent_code_1_2k.json", "steps");
  const drawn = await code.training(0, 11);
  assert.is(new Set(drawn.map(({ task }) => task.id)).size, 11);
  const first = drawn.find(({ task }) => task.id === "dark_0 1")?.task;
  assert.is(first?.step?.prompt, "<query> Read the two letters. </query>");
  assert.is(first?.step?.solution, "<problem> {'dark'} </problem>");
  const second = drawn.find(({ task }) => task.id === "dark_0 2")?.task;
  assert.is(
    second?.step?.prompt,
    "<query> Read the two letters. </query>\n<think> I look at the image. </think>\n" +
      "<problem> {'dark'} </problem>",
  );
  assert.match(second?.step?.demonstration ?? "", /^<think> I repair it/);
  assert.equal(second?.answers, []);
  assert.is(second?.kind, "dark");
});

test("benchmarks are wholly an evaluation set where that is asked for", async () => {
  const folder = `${official}/MAT-Benchmark`;
  const coding = await source(rowsOf(`${folder}/MAT-Coding.json`), 1);
  const tasks = await coding.evaluation("heldout", 4);
  assert.equal(
    tasks.map(({ task }) => task.kind),
    ["rotation180", "dark", "crop", "none"],
  );
  assert.match(await failure(coding.training(0, 1)), /has no training rows/);
  const search = await source(rowsOf(`${folder}/MAT-Search.json`), 1);
  for (const { image } of await search.evaluation("heldout", 2)) assert.ok(image !== null);
});

test("a text benchmark asks about no image", async () => {
  const text = await source(rowsOf(`${official}/bamboogle/test.jsonl`));
  for (const { task, image } of await text.training(0, 3)) {
    assert.equal([task.image, task.reference, image], [null, null, null]);
    assert.is(task.task, "search");
  }
});

test("one's own rows are mapped, with the images where the row says", async () => {
  const file = await write("own.jsonl", [
    { ask: "q", truth: ["a", "b"], pic: "deep/folder/own.png", hints: "who" },
    { ask: "q2", truth: "c" },
  ]);
  await writeFile(join(directory, "own.png"), "any bytes");
  const fields = { question: "ask", answers: "truth", image: "pic", queries: "hints" };
  const own = { ...rowsOf(file), type: "mapped", task: "search", fields } as const;
  const { rows } = await readDataset(own);
  assert.equal(
    rows.map(({ question, answers, image, queries }) => [question, answers, image, queries]),
    [
      ["q", ["a", "b"], join(directory, "own.png"), ["who"]],
      ["q2", ["c"], null, undefined],
    ],
  );
});

test("a row whose image is missing is bad: named, and left out only where that is allowed", async () => {
  const file = await write("f.json", [row, { ...pictured, id: 2 }, { id: 3 }, row]);
  const both = await failure(readDataset(rowsOf(file)));
  assert.match(both, /f\.json:2: image .*\n.*f\.json:3: key "[^"]+".*\n2 of 4 rows are bad/s);
  const whole = await write("g.json", [row, { ...pictured, id: 2 }, { ...pictured, id: 3 }]);
  const said = await failure(readDataset(rowsOf(whole)));
  assert.match(said, /g\.json:2: image .*i\.png: there is no such file/);
  assert.match(said, /g\.json:3: .*\n2 of 3 rows are bad; bad_rows_allowed/);
  const { rows, bad } = await readDataset({ ...rowsOf(file), badRowsAllowed: true });
  assert.is(rows.length, 2);
  assert.equal(
    bad.map(({ line }) => line),
    [2, 3],
  );
  const none = await write("none.json", [pictured]);
  const nothing = readDataset({ ...rowsOf(none), badRowsAllowed: true });
  assert.match(await failure(nothing), /no row to play/);
  assert.match(await failure(readDataset(rowsOf(join(directory, "x.json")))), /cannot read/);
  const parquet = join(directory, "rows.parquet");
  await writeFile(parquet, "PAR1…PAR1");
  assert.match(await failure(readDataset(rowsOf(parquet))), /cannot be read as Parquet: /);
});

test("the set training has every training task once; more is an error with the number", async () => {
  const many = Array.from({ length: 30 }, (_, id) => ({ ...row, id }));
  const one = await source(rowsOf(await write("training.json", many)), 0.5);
  const { trainingTasks } = one;
  assert.ok(trainingTasks > 5 && trainingTasks < 25);
  const ids = (drawn: readonly { readonly task: { readonly id: string } }[]) =>
    drawn.map(({ task }) => task.id);
  const set = ids(await one.evaluation("training", trainingTasks));
  assert.is(new Set(set).size, trainingTasks);
  assert.equal(set, ids(await one.training(0, trainingTasks)));
  assert.equal(ids(await one.evaluation("training", 2, 3)), set.slice(3, 5));
  const reason = await failure(one.evaluation("training", 2, trainingTasks - 1));
  assert.match(reason, `has ${trainingTasks} training rows, ${trainingTasks + 1} were asked for`);
  const mini = await miniSource(5).evaluation("training", 2, 1);
  assert.equal(ids(mini), ids(await miniSource(5).training(1, 2)));
});

test("an image that does not decode is named with its row when it is drawn", async () => {
  await writeFile(join(directory, "i.png"), "no image");
  const file = await write("broken.json", [pictured]);
  const { rows } = await readDataset(rowsOf(file));
  const check = async (_: Uint8Array, path: string) => {
    throw new Error(`${path} is not PNG`);
  };
  const played = rowSource(file, rows, { ...options, check });
  assert.match(await failure(played.training(0, 1)), /broken\.json:1: image .*i\.png is not PNG/);
});

test("held-out rows are never trained on, and steps of one trajectory stay together", async () => {
  const file = await write(
    "many.json",
    Array.from({ length: 40 }, (_, id) => ({ ...row, id })),
  );
  const half = await source(rowsOf(file), 0.5);
  assert.match(await failure(half.evaluation("all", 1)), /no set "all".*"heldout"/);
  assert.match(await failure(half.evaluation("heldout", 40)), /\d+ held-out rows, 40 were asked/);
  const [one] = await half.evaluation("heldout", 1);
  const trained = await half.training(0, 80);
  assert.not(trained.some(({ task }) => task.id === one?.task.id));
  const { rows } = await readDataset({
    ...rowsOf(`${official}/MAT-Training/rft_agent_code_1_2k.json`),
    type: "visual-arft-training",
    play: "steps",
  });
  for (const { id, family } of rows) assert.is(id.replace(/ \d+$/, ""), family);
});

test("each round takes every row once, in an order that follows from the seed", async () => {
  const file = await write(
    "round.json",
    Array.from({ length: 7 }, (_, id) => ({ ...row, id })),
  );
  const ids = async (made: TaskSource, first: number, count: number) =>
    (await made.training(first, count)).map(({ task }) => task.id);
  const shuffled = await source(rowsOf(file));
  const [once, twice] = [await ids(shuffled, 0, 7), await ids(shuffled, 7, 7)];
  assert.is(new Set(once).size, 7);
  assert.is(new Set(twice).size, 7);
  assert.is.not(once.join(), twice.join());
  assert.equal(await ids(await source(rowsOf(file)), 3, 7), [
    ...once.slice(3),
    ...twice.slice(0, 3),
  ]);
  const { rows } = await readDataset(rowsOf(file));
  const asTheyStand = rowSource(file, rows, { ...options, order: "file" });
  assert.equal(await ids(asTheyStand, 5, 4), ["5", "6", "0", "1"]);
});

test("a mixture draws by weight, walks each source in its order, and repeats", async () => {
  const text = await source(rowsOf(`${official}/bamboogle/test.jsonl`));
  const code = await trainingOf("MAT-Training/rft_agent_code_1_2k.json", "episodes");
  const make = () =>
    mixtureSource(
      [
        { name: "text", weight: 3, source: text },
        { name: "code", weight: 1, source: code },
        { name: "mini", weight: 0, source: miniSource(1) },
      ],
      5,
    );
  const names = async (first: number, count: number) =>
    (await make().training(first, count)).map(({ task }) => task.id);
  const all = await names(0, 400);
  const share = all.filter((id) => id.startsWith("text/")).length / all.length;
  assert.ok(share > 0.68 && share < 0.82, `text is drawn with a share of ${share}`);
  assert.equal(await names(37, 20), all.slice(37, 57));
  const ofText = all.filter((id) => id.startsWith("text/"));
  assert.equal(
    ofText.slice(0, 30),
    (await text.training(0, 30)).map(({ task }) => `text/${task.id}`),
  );
  assert.is((await make().evaluation("mini/singles", 2))[0]?.task.id, "mini/singles-0");
  assert.match(await failure(make().evaluation("singles", 1)), /text\/…, code\/…, mini\/…/);
});

test.run();
