// Goal: Parquet as pyarrow writes it is read like JSON lines: every usual compression, several row
// groups, images inside it; what does not fit is named by file and row, and no damage ends
// otherwise than in an error of ours.
// Method: tests/fixtures/parquet, written by tests/reference/parquet_files.py, and damaged copies.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VarftError } from "../../events/index.ts";
import { decodeImage } from "../../model/index.ts";
import { type DatasetFile, readDataset, rowSource } from "../../tasks/index.ts";

const test = suite("tasks/parquet");
const folder = "tests/fixtures/parquet";
let directory = "";
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varft-parquet-"));
});
test.after(() => rm(directory, { recursive: true }));

type Fields = Extract<DatasetFile, { readonly type: "mapped" }>["fields"];

const mapped = (
  file: string,
  fields: Partial<Fields> = {},
  badRowsAllowed = false,
): DatasetFile => ({
  type: "mapped",
  file,
  task: "search",
  badRowsAllowed,
  fields: { question: "ask", answers: "truth", ...fields },
});

const failure = (dataset: DatasetFile): Promise<string> =>
  readDataset(dataset).then(
    () => "nothing was thrown",
    (error) => error.message,
  );

const questions = ["Who?", "What is “it”?", "Wo, in München?", "哪里？", "When?"];

for (const compression of ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]) {
  test(`${compression}: texts, lists, dictionaries and numbers come out as they went in`, async () => {
    const fields = { id: "number", kind: "trouble" };
    const { rows, bad } = await readDataset(
      mapped(`${folder}/words-${compression}.parquet`, fields),
    );
    assert.equal(bad, []);
    assert.equal(
      rows.map(({ question }) => question),
      questions,
    );
    assert.equal(
      rows.map(({ answers }) => answers),
      [["Ada"], ["a", "b"], ["dort"], ["这里"], ["1815"]],
    );
    const ids = ["11", "12", "9007199254740993", "14", "15"];
    assert.equal(
      rows.map(({ id }) => id),
      ids,
    );
    assert.equal(
      rows.map(({ kind }) => kind),
      ["dark", "none", "dark", "dark", "none"],
    );
    assert.equal(
      rows.map(({ line }) => line),
      [1, 2, 3, 4, 5],
    );
  });
}

const shadeOf = async (bytes: Uint8Array | null): Promise<number | null> => {
  if (bytes === null) return null;
  const { width, data } = await decodeImage(bytes, { source: "a test's" });
  assert.is(width, 32);
  return data[0] ?? null;
};

/** The shades of the images as they are drawn, one by one and then all at once. */
async function shadesOf(name: string): Promise<readonly (number | null)[]> {
  const file = `${folder}/${name}.parquet`;
  const { rows } = await readDataset(mapped(file, { image: "image" }));
  const options = { seed: 1, order: "file", heldoutShare: 0, check: async () => {} } as const;
  const source = rowSource(file, rows, options);
  const drawn = await source.training(0, 10);
  const shades = await Promise.all(drawn.map(({ image }) => shadeOf(image)));
  assert.equal(shades.slice(5), shades.slice(0, 5), "a second round shows the same");
  return shades.slice(0, 5);
}

test("images stand in the file as bytes with a path, as a path alone, or as bytes alone", async () => {
  assert.equal(await shadesOf("images"), [10, 20, 30, null, 50]);
  assert.equal(await shadesOf("bytes"), [10, 20, null, 40, 50]);
});

test("an image that is none is named by file, row and column when it is drawn", async () => {
  const file = `${folder}/images.parquet`;
  const { rows } = await readDataset(mapped(file, { image: "image" }));
  const check = async () => {
    throw new Error("is no picture");
  };
  const source = rowSource(file, rows, { seed: 1, order: "file", heldoutShare: 0, check });
  const reason = await source.training(1, 1).catch(({ message }) => message);
  assert.match(reason, `${file}:2: image ${file}, row 2, column "image": is no picture`);
});

test("bad rows are named by file and row; allowed, they are told and left out", async () => {
  const file = `${folder}/bad.parquet`;
  const reason = await failure(mapped(file, { image: "image" }));
  assert.match(reason, 'bad.parquet:2: key "ask"');
  assert.match(reason, 'bad.parquet:3: key "truth"');
  assert.match(reason, /bad\.parquet:4: image .*nowhere\.png: there is no such file/);
  assert.match(reason, "3 of 4 rows are bad");
  const { rows, bad } = await readDataset(mapped(file, { image: "image" }, true));
  assert.equal([rows.length, bad.map(({ line }) => line)], [1, [2, 3, 4]]);
});

test("a column that is not there is named, with those that are", async () => {
  const file = `${folder}/bad.parquet`;
  const fields = { question: "asked" };
  assert.match(await failure(mapped(file, fields)), 'no column "asked"; it has ask, truth, image');
});

test("an image where a text is wanted is a bad row, not a text", async () => {
  const reason = await failure(mapped(`${folder}/bytes.parquet`, { kind: "image" }));
  assert.match(reason, 'bytes.parquet:1: key "image"');
});

for (const [name, fields] of [
  ["words-snappy", { id: "number" }],
  ["images", { image: "image" }],
] as const) {
  test(`${name}, damaged, ends in an error of ours or in rows`, async () => {
    const whole = await readFile(`${folder}/${name}.parquet`);
    const file = join(directory, "damaged.parquet");
    const attempt = async (bytes: Uint8Array): Promise<void> => {
      await writeFile(file, bytes);
      try {
        await readDataset(mapped(file, fields, true));
      } catch (thrown) {
        assert.instance(thrown, VarftError);
        assert.match((thrown as Error).message, "damaged.parquet");
      }
    };
    for (const length of [4, 5, 8, 12, 100, whole.length - 9, whole.length - 1]) {
      await attempt(whole.subarray(0, length));
    }
    const flip = fc.tuple(
      fc.integer({ min: 4, max: whole.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
    );
    const flips = fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 3 }), (places) => {
      const bytes = Uint8Array.from(whole);
      for (const [place, bits] of places) bytes[place] = (bytes[place] ?? 0) ^ bits;
      return attempt(bytes);
    });
    await fc.assert(flips, { numRuns: 200 });
  });
}

test.run();
