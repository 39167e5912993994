// Goal: not one byte of a bundle's file can be flipped, cut off, put in or swapped without the file
// being refused, with a typed error and the place; whatever the bytes are, nothing else happens.
import { copyFile, open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readPieces } from "../../../storage/bundle/members-file.ts";
import { BundleError } from "../../../storage/index.ts";
import { type BundledRun, bundledRun, bundleTo, faultOf } from "./world.ts";

const test = suite("replay/bundle: the file");
let run: BundledRun;
let whole: Buffer = Buffer.alloc(0);
let changed = "";

test.before(async () => {
  run = await bundledRun();
  whole = await readFile(run.file);
  changed = join(run.folder, "changed.gz");
});
test.after(() => run.close());

/** Why the bytes are refused; fails where they are read to their end. */
async function refusal(bytes: Uint8Array): Promise<string> {
  await writeFile(changed, bytes);
  const handle = await open(changed, "r");
  try {
    let length = 0;
    for await (const piece of readPieces(handle)) length += piece.length;
    return assert.unreachable(`${length} bytes of content were read`) as never;
  } catch (thrown) {
    if (thrown instanceof BundleError && thrown.code === "bundle-damaged") return thrown.message;
    throw thrown;
  } finally {
    await handle.close();
  }
}

test("the same run gives the same bytes, and they verify", async () => {
  const again = join(run.folder, "again.gz");
  const made = await bundleTo(run.directory, again);
  assert.ok((await readFile(again)).equals(whole));
  assert.equal([made.manifest.state, made.totals.events, made.left], ["completed", 990, 0]);
  assert.is(await faultOf(run.file), null);
});

test("it is a gzip file, whose content begins with a line for people", () => {
  const content = gunzipSync(whole);
  assert.is(content.subarray(0, 15).toString(), "varft bundle 1\n");
  assert.match(content.subarray(20, 400).toString(), '"run": "tiny"');
});

test("a flipped bit, anywhere", async () => {
  const place = fc.nat(whole.length - 1);
  await fc.assert(
    fc.asyncProperty(place, fc.nat(7), async (at, bit) => {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      assert.match(await refusal(bytes), /^byte \d+ of the file: /);
    }),
    { numRuns: 200 },
  );
});

test("a flipped bit of every byte of the first head and of the seal", async () => {
  const heads = [...Array(20).keys()];
  const seal = [...Array(58).keys()].map((at) => whole.length - 58 + at);
  for (const at of [...heads, ...seal]) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    await refusal(bytes);
  }
});

test("bytes that are missing at the end, or anywhere", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(whole.length - 1),
      fc.integer({ min: 1, max: 9_000 }),
      async (at, n) => {
        await refusal(whole.subarray(0, at));
        await refusal(Buffer.concat([whole.subarray(0, at), whole.subarray(at + n)]));
      },
    ),
    { numRuns: 100 },
  );
});

test("bytes that are put in, at the end too", async () => {
  const extra = fc.uint8Array({ minLength: 1, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), extra, async (at, bytes) => {
      await refusal(Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at)]));
    }),
    { numRuns: 100 },
  );
  await refusal(Buffer.concat([whole, gzipSync("more")]));
  await refusal(Buffer.concat([whole, whole]));
});

test("parts that change places", async () => {
  const place = fc.nat(whole.length - 1);
  await fc.assert(
    fc.asyncProperty(fc.tuple(place, place, place), async (places) => {
      const [a = 0, b = 0, c = 0] = places.sort((left, right) => left - right);
      const parts = [
        whole.subarray(0, a),
        whole.subarray(b, c),
        whole.subarray(a, b),
        whole.subarray(c),
      ];
      const bytes = Buffer.concat(parts);
      if (!bytes.equals(whole)) await refusal(bytes);
    }),
    { numRuns: 100 },
  );
});

test("files that are something else", async () => {
  for (const bytes of ["", "{}", gzipSync("varft bundle 1\n"), Buffer.alloc(4_096, 31)]) {
    assert.match(await refusal(Buffer.from(bytes)), /too early|does not begin as a bundle/);
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      await refusal(bytes);
    }),
    { numRuns: 100 },
  );
});

test("a file that is cut off at each kibibyte", async () => {
  for (let size = 0; size < whole.length; size += 1_024) {
    await copyFile(run.file, changed);
    await truncate(changed, size);
    await refusal(await readFile(changed));
  }
});

test.run();
