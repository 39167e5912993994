// Goal: who wants to read a run whose writer stands still (Ctrl-Z) is told so at once, with what to
// do; other runs of the folder are told of all the same, and so is this one once its writer wakes.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { varft } from "../fake-terminal.ts";
import { writeSmallRun } from "../small-run.ts";

const test = suite("cli/stopped-writer");
const writerChild = fileURLToPath(new URL("../writer-child.ts", import.meta.url));
/** Long for two seconds of silence and a look, short for the minute that a busy writer has. */
const toldMsMax = 20_000;
let runs = "";
let writer: ChildProcess;

test.before(async () => {
  runs = await mkdtemp(join(tmpdir(), "varft-stopped-"));
  for (const run of ["busy", "done"]) await writeSmallRun(runs, run);
  writer = spawn(process.execPath, ["--import", "tsx", writerChild, join(runs, "busy")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (writer.stdout !== null) await once(writer.stdout, "data");
});

test.after(async () => {
  const ended = once(writer, "close");
  writer.kill("SIGCONT");
  writer.stdin?.end();
  await ended;
  await rm(runs, { recursive: true, force: true });
});

/** What a command says of the writer that stands still. */
async function refusalOf(...argv: readonly string[]): Promise<string> {
  const startMs = performance.now();
  const { code, out, err } = await varft(...argv, "--runs", runs);
  assert.equal([code, out], [1, ""], argv.join(" "));
  assert.ok(performance.now() - startMs < toldMsMax, `${argv.join(" ")} waits`);
  return err;
}

test("a run that another process writes can be read, and who would write is told how", async () => {
  assert.is((await varft("show", "busy", "--runs", runs)).code, 0);
  const err = await refusalOf("prune", "busy", "--keep", "gradients=none");
  const end = `wait until it has ended, or end it with \`kill ${writer.pid}\``;
  assert.match(err, `process ${writer.pid} writes the ledger in ${join(runs, "busy", "ledger")}`);
  assert.match(err, `${end}: what it has recorded stays; \`varft show busy\` reads it meanwhile`);
});

test("every command that reads a run says that its writer stands still", async () => {
  writer.kill("SIGSTOP");
  const told = `process ${writer.pid} writes the ledger in ${join(runs, "busy", "ledger")}: it stands still`;
  for (const words of [["show"], ["ps"], ["audit"], ["logs"], ["diff", "done"], ["replay"]]) {
    const [command = "", ...rest] = words;
    const err = await refusalOf(command, "busy", ...rest);
    assert.match(err, told, command);
    assert.match(err, `\`kill -CONT ${writer.pid}\` lets it go on`, command);
  }
});

test("lists tell of the other runs, and of this one what is the matter", async () => {
  writer.kill("SIGSTOP");
  const listed = await varft("runs", "--runs", runs);
  assert.is(listed.code, 0);
  assert.match(listed.out, /busy +– +unreadable/);
  assert.match(listed.out, /done .* completed +2\/2/);
  assert.match(listed.err, `varft: busy cannot be read: process ${writer.pid} writes`);
  const { code, out, err } = await varft("ps", "--runs", runs);
  assert.equal([code, out], [0, ""]);
  assert.match(err, `it stands still; \`kill -CONT ${writer.pid}\` lets it go on`);
  writer.kill("SIGCONT");
  assert.match((await varft("runs", "--runs", runs)).out, /busy .* completed +2\/2/);
});

test.run();
