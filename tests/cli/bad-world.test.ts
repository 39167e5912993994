// Goal: a run that cannot begin says why and how to mend it, and leaves nothing behind.
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openLedger } from "../../storage/index.ts";
import { varft, varftIn } from "./fake-terminal.ts";
import { writeSmallRun } from "./small-run.ts";

const test = suite("cli/bad-world");
const preset = "config/quickstart.toml";
const checkpoint = "models/tiny";
const isBuilt = await readFile(join(checkpoint, "config.json")).then(
  () => true,
  () => false,
);
let folder = "";
let runs = "";

test.before.each(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-bad-"));
  runs = join(folder, "runs");
});

test.after.each(() => rm(folder, { recursive: true, force: true }));

/** Registers a test that needs the shipped checkpoint. */
function withCheckpoint(name: string, body: () => Promise<void>): void {
  if (isBuilt) test(name, body);
  else console.log(`skipped, ${checkpoint} is not built: ${name}`);
}

async function refusal(
  env: Readonly<Record<string, string>>,
  ...overrides: readonly string[]
): Promise<string> {
  const sets = overrides.flatMap((one) => ["--set", one]);
  const { code, out, err } = await varftIn(env, "train", preset, "--runs", runs, ...sets);
  assert.equal([code, out], [1, ""], err);
  assert.equal(await readdir(runs), [], "nothing is left of a run that never began");
  return err;
}

test("a checkpoint that is not there is named", async () => {
  const err = await refusal({}, `model.directory=${folder}/none`);
  assert.match(err, `${folder}/none`);
  assert.is(err.includes("VARFT_DEBUG"), false, err);
});

withCheckpoint("a checkpoint that was cut off is named", async () => {
  const copy = join(folder, "copy");
  await cp(checkpoint, copy, { recursive: true });
  await truncate(join(copy, "model.safetensors"), 100_000);
  const err = await refusal({}, `model.directory=${copy}`);
  assert.match(err, join(copy, "model.safetensors"));
});

withCheckpoint("a malformed row of a dataset is named by file and line", async () => {
  const rows = join(folder, "rows.jsonl");
  await writeFile(rows, '{"id": 1, "question": "?"}\n');
  const err = await refusal({}, `tasks={ type = "rows", file = "${rows}", images = "." }`);
  assert.match(err, `${rows}:1`);
});

withCheckpoint("a Docker engine that does not answer is named, with the mend", async () => {
  const env = { ...process.env, DOCKER_HOST: `unix://${folder}/none.sock` };
  const err = await refusal(env as Record<string, string>);
  assert.match(err, `${folder}/none.sock`);
  assert.match(err, "scripts/setup.sh");
});

withCheckpoint("a bus that does not answer is named, with the mend", async () => {
  const err = await refusal({}, "bus.url=nats://127.0.0.1:9");
  assert.match(err, "cannot connect to nats://127.0.0.1:9");
});

withCheckpoint("a run that another process writes is left alone", async () => {
  await writeSmallRun(runs, "busy", false);
  const ledger = await openLedger(join(runs, "busy"), { clock: () => 0 });
  try {
    const { code, err } = await varft("train", "--resume", "busy", "--runs", runs);
    assert.is(code, 1);
    assert.match(err, join(runs, "busy"));
    assert.is(err.includes("VARFT_DEBUG"), false, err);
  } finally {
    await ledger.close();
  }
});

test.run();
