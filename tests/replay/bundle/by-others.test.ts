// Goal: docs/bundle.md is enough to read a bundle: its own program, in another language and with
// nothing but that language's library, checks one, and refuses what was changed.
import { execFile, execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type BundledRun,
  bundledRun,
  bundleTo,
  type LooseRecord,
  recordsOf,
  writeRecords,
} from "./world.ts";

const test = suite("replay/bundle: by others");
let run: BundledRun;
let program = "";

test.before(async () => {
  run = await bundledRun();
  const page = await readFile("docs/bundle.md", "utf8");
  program = join(run.folder, "read.py");
  await writeFile(program, /```python\n(.*?)```/s.exec(page)?.[1] ?? "");
});
test.after(() => run.close());

/** Runs the page's program over a file. */
function read(file: string): Promise<{ readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    execFile("python3", [program, file], (_, out, err) => resolve({ out, err }));
  });
}

/** The bundle with its records changed, every total made anew. */
async function changed(change: (records: LooseRecord[]) => void): Promise<string> {
  const records = await recordsOf(run.file);
  change(records);
  const file = join(run.folder, "changed.gz");
  await writeRecords(file, records);
  return file;
}

if (hasPython()) {
  test("the page's program says what the bundle holds", async () => {
    const { out, err } = await read(run.file);
    assert.is(err, "");
    const { hash } = run.tables.head;
    assert.equal(JSON.parse(out), { run: "tiny", events: 990, blobs: 18, chain: hash });
  });

  test("and of one with an adapter, which it checks, too", async () => {
    const folder = join(run.folder, "adapter");
    await mkdir(folder);
    const names = ["adapter_config.json", "adapter_model.safetensors", "varft-policy.json"];
    for (const name of names) await writeFile(join(folder, name), name);
    const file = join(run.folder, "with-adapter.gz");
    await bundleTo(run.directory, file, folder);
    const { out, err } = await read(file);
    assert.equal([err, JSON.parse(out).blobs], ["", 18]);
    const records = await recordsOf(file);
    const piece = records.findLast(({ kind }) => kind === "piece");
    if (piece !== undefined) piece.payload[0] = 0;
    await writeRecords(file, records);
    assert.match((await read(file)).err, /blob [0-9a-f]{64} is damaged/);
  });

  test("and refuses an event and a blob that were changed", async () => {
    const flip = (kind: string) => (records: LooseRecord[]) => {
      const record = records.find((one) => one.kind === kind);
      if (record !== undefined) record.payload[9] = (record.payload[9] ?? 0) ^ 1;
    };
    assert.match((await read(await changed(flip("event")))).err, /the chain is another one/);
    assert.match((await read(await changed(flip("piece")))).err, /blob [0-9a-f]{64} is damaged/);
    const bytes = await readFile(run.file);
    await writeFile(run.file, bytes.subarray(0, -200));
    assert.match((await read(run.file)).err, /ended before|too early/);
  });
} else {
  console.log("skipped, there is no python3: the program of docs/bundle.md");
}

function hasPython(): boolean {
  try {
    return execFileSync("python3", ["--version"], { stdio: "pipe" }).length > 0;
  } catch {
    return false;
  }
}

test.run();
