// Goal: official files are read as they are; a malformed row names its file and line.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encodePng } from "../../events/index.ts";
import { readRows, rowSource } from "../../tasks/index.ts";

const test = suite("tasks/rows");
let directory = "";
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varft-rows-"));
});
test.after(() => rm(directory, { recursive: true }));

const row = {
  id: 12,
  question: "What is the serving size?",
  answers: ["1 Can (473ml)"],
  ori_image_path: "a_ori.png",
  processed_image_path: "a_proc.png",
  type: ["rotation180"],
  split: "simple",
};

async function write(name: string, text: string): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, text);
  return file;
}

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "nothing was thrown",
    (error) => error.message,
  );
}

test("reads MAT-Coding and MAT-Search rows, as an array or as lines", async () => {
  const search = { id: 1, question: "q", answer: "a", image_path: "i.png" };
  const array = await readRows(await write("a.json", JSON.stringify([row, search], null, 2)));
  const lines = await readRows(
    await write("b.jsonl", `${JSON.stringify(row)}\n\n${JSON.stringify(search)}\n`),
  );
  assert.equal(
    array.map(({ line: _, ...rest }) => rest),
    lines.map(({ line: _, ...rest }) => rest),
  );
  assert.is(array[0]?.image, "a_proc.png");
  assert.is(array[0]?.reference, "a_ori.png");
  assert.is(lines[1]?.line, 3);
});

test("a crop is asked of the original image", async () => {
  const [read] = await readRows(
    await write("c.json", JSON.stringify([{ ...row, type: ["crop"] }])),
  );
  assert.is(read?.image, "a_ori.png");
});

test("names the file, the line and the key of a malformed row", async () => {
  const bad = await write("d.json", `[\n${JSON.stringify(row)},\n{"id": 2, "question": 5}\n]`);
  assert.match(await failure(readRows(bad)), /d\.json:3: key "question"/);
  const cut = await write("e.jsonl", `${JSON.stringify(row)}\n{"id": 2,\n`);
  assert.match(await failure(readRows(cut)), /e\.jsonl:2: not JSON/);
  assert.match(await failure(readRows(join(directory, "none.json"))), /cannot read the dataset/);
});

/** Any bytes are an image here but those of a text. */
async function check(bytes: Uint8Array, path: string): Promise<void> {
  if (Buffer.from(bytes).toString() === "no image") throw new Error(`${path} is not PNG`);
}

test("names the row whose image is missing or broken", async () => {
  const file = await write("f.json", JSON.stringify([row]));
  const source = rowSource(file, await readRows(file), directory, check);
  assert.match(await failure(source.training(0, 1)), /f\.json:1: image .*a_proc\.png/);
  await write("a_proc.png", "no image");
  assert.match(await failure(source.training(0, 1)), /f\.json:1: image .*a_proc\.png is not PNG/);
  const grey = await encodePng(Uint8Array.of(0, 255), { width: 2, height: 1, channels: 1 });
  await writeFile(join(directory, "a_proc.png"), grey);
  await writeFile(join(directory, "a_ori.png"), grey);
});

test("has one evaluation set, and no more tasks in it than rows are held out", async () => {
  const rows = Array.from({ length: 40 }, (_, id) => ({ ...row, id }));
  const file = await write("g.json", JSON.stringify(rows));
  const source = rowSource(file, await readRows(file), directory, check);
  assert.match(await failure(source.evaluation("all", 1)), /no set "all".*"heldout"/);
  assert.match(await failure(source.evaluation("heldout", 40)), /\d+ held-out rows, 40 were asked/);
  const [one] = await source.evaluation("heldout", 1);
  const trained = await source.training(0, 40);
  assert.not(trained.some(({ task }) => task.id === one?.task.id));
});

test.run();
