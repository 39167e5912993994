// Goal: a run that cannot begin says why and how to mend it, and leaves nothing behind.
import { once } from "node:events";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openLedger } from "../../../storage/index.ts";
import { varft, varftIn } from "../fake-terminal.ts";
import { writeSmallRun } from "../small-run.ts";

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

withCheckpoint("a dataset's image that does not decode is named with its row", async () => {
  const keys = { question: "?", answer: "a", image_path: "broken.png" };
  const rows = Array.from({ length: 20 }, (_, id) => JSON.stringify({ id, ...keys }));
  await writeFile(join(folder, "rows.jsonl"), rows.join("\n"));
  await writeFile(join(folder, "broken.png"), "no image");
  const tasks = `tasks={ type = "rows", file = "${folder}/rows.jsonl", images = "${folder}" }`;
  const sets = [tasks, "evaluation.sets=[]", "rollout.workers=0"];
  const words = sets.flatMap((one) => ["--set", one]);
  const { code, err } = await varftIn(process.env, "train", preset, "--runs", runs, ...words);
  assert.is(code, 1);
  assert.match(err, /rows\.jsonl:\d+: image .*broken\.png: .*is not PNG, JPEG or WebP/);
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

withCheckpoint("a nats-server that is not there is named, with the mend", async () => {
  const path = process.env["PATH"];
  const bin = join(folder, "bin");
  await mkdir(bin);
  for (const program of ["sh", "cat"]) await symlink(`/bin/${program}`, join(bin, program));
  process.env["PATH"] = bin;
  try {
    assert.match(await refusal({}), "cannot start nats-server: not found; install it");
  } finally {
    process.env["PATH"] = path;
  }
});

withCheckpoint("a port that somebody else has taken is named, with the mend", async () => {
  await writeSmallRun(runs, "stopped", false);
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const kept = JSON.stringify({ port, token: "0".repeat(64) });
  await writeFile(join(runs, "stopped", "bus.json"), kept);
  try {
    const { code, err } = await varft("train", "--resume", "stopped", "--runs", runs);
    assert.is(code, 1);
    assert.match(err, `port ${port} of 127.0.0.1 is in use; stop what listens there`);
  } finally {
    taken.close();
  }
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
