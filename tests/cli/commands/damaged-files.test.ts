// Goal: a file of a run that was cut short ends no command by a signal: each says which file is
// damaged and what mends it, leaves nothing behind, and tells of the folder's other runs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, cp, mkdtemp, readdir, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeSmallRun } from "../small-run.ts";

const test = suite("cli/damaged-files");
const pageBytes = 4_096;
let folder = "";
let runs = "";
let whole = "";

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-damaged-"));
  runs = join(folder, "runs");
  whole = join(folder, "whole");
  for (const run of ["half", "other"]) await writeSmallRun(runs, run, run === "other");
  await cp(join(runs, "half"), whole, { recursive: true });
});

test.after(() => rm(folder, { recursive: true, force: true }));

function halfOf(size: number): number {
  return Math.floor(size / 2 / pageBytes) * pageBytes;
}

/** Cuts `half`'s file of `environment` to what `bytesOf` its size gives, and the other one not. */
async function cut(environment: string, bytesOf: (size: number) => number): Promise<string> {
  for (const name of ["ledger", "blobs"]) {
    await copyFile(join(whole, name, "data.mdb"), join(runs, "half", name, "data.mdb"));
  }
  const file = join(runs, "half", environment, "data.mdb");
  await truncate(file, bytesOf((await stat(file)).size));
  return file;
}

/** A command in a process of its own, which a bad file could kill. */
async function varft(...argv: readonly string[]) {
  const child = spawn(process.execPath, ["cli/varft.mjs", ...argv, "--runs", runs], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code, signal] = await ended;
  assert.is(signal, null, `${argv.join(" ")} died of ${signal}`);
  return { code, out, err };
}

async function refused(file: string, ...argv: readonly string[]): Promise<void> {
  const { code, out, err } = await varft(...argv);
  assert.equal([code, out], [1, ""], `${argv.join(" ")}: ${err}`);
  assert.match(err, `varft: ${file} is damaged: it is shorter than it says`, argv.join(" "));
  assert.match(err, "`varft audit half` names what is damaged; a copy (varft backup) or a bundle");
}

test("every command says that a ledger was cut short, and leaves nothing behind", async () => {
  const file = await cut("ledger", halfOf);
  const away = join(folder, "away");
  for (const words of [
    ["show", "half"],
    ["logs", "half"],
    ["ps", "half"],
    ["replay", "half"],
    ["diff", "other", "half"],
    ["fork", "half", "--at", "step=1"],
    ["bundle", "half", "-o", join(folder, "half.varft")],
    ["backup", "half", "-o", away],
    ["prune", "half", "--keep", "gradients=none"],
    ["train", "--resume", "half"],
  ]) {
    await refused(file, ...words);
  }
  assert.equal((await readdir(folder)).sort(), ["runs", "whole"]);
  assert.equal((await readdir(runs)).sort(), ["half", "other"]);
  const audit = await varft("audit", "half");
  assert.is(audit.code, 3);
  assert.match(audit.out, "the ledger cannot be read after event 0");
});

test("wherever it was cut, the list tells of it and of the other runs", async () => {
  for (const bytes of [0, 100, pageBytes, 2 * pageBytes, 7.5 * pageBytes]) {
    const file = await cut("ledger", () => bytes);
    const { code, out, err } = await varft("runs");
    assert.is(code, 0);
    assert.match(out, /other .* completed +2\/2/);
    assert.match(out, /half +– +unreadable/);
    assert.match(err, `varft: half cannot be read: ${file} is damaged`);
    await refused(file, "train", "--resume", "half");
  }
});

test("so it is with the file of blobs", async () => {
  const file = await cut("blobs", halfOf);
  for (const words of [
    ["show", "half"],
    ["train", "--resume", "half"],
  ]) {
    await refused(file, ...words);
  }
});

test.run();
