// Goal: a copy that is taken while a process writes is a whole beginning of the run, a second one
// adds what is new, and nothing but a copy is ever written over.
import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashName } from "../../events/index.ts";
import {
  type CopyReport,
  copyRun,
  openEvidence,
  openLedger,
  openLedgerReader,
  verifyChain,
} from "../../storage/index.ts";
import { codeOf, now, part, request, someEvents, temporaryFolder } from "./harness.ts";

interface World {
  folder: string;
  source: string;
  target: string;
}

const test = suite<World>("copy of a run");
const clock = () => now;

test.before.each(async (world) => {
  world.folder = await temporaryFolder();
  world.source = join(world.folder, "run");
  world.target = join(world.folder, "copies", "run");
});
test.after.each(({ folder }) => rm(folder, { recursive: true, force: true }));

/** Appends `count` commands, the events of each large enough that pages end between them. */
async function write(directory: string, mark: string, count: number): Promise<void> {
  const ledger = await openLedger(directory, { clock });
  for (let index = 0; index < count; index++) {
    const blob = await ledger.blobs.put(Buffer.from(`${mark} ${index}`));
    const events = [0, 1, 2].map(() => ({
      type: "step.planned",
      v: 1,
      data: { blob, rest: new Uint8Array(90_000) },
    }));
    const parts = ["judge/r", "learner/r"].map((stream) => part(stream, { events }));
    await ledger.append({ ...request(`${mark}${index}`, ...parts), blobs: [blob] });
  }
  await ledger.close();
}

/** The copy holds what the report says, each row as the original has it, and every index row. */
async function isBeginning({ source, target }: World, { size, hash }: CopyReport): Promise<void> {
  const [original, copy] = [await openEvidence(source), await openEvidence(target)];
  assert.equal(copy.head(), { size, hash });
  for (let next = 1; next <= size; ) {
    const [page] = [copy.rows(next)];
    const wanted = original.rows(next);
    for (const [index, { global, bytes }] of page.entries()) {
      const row = wanted[index];
      assert.ok(row && row.global === global && Buffer.compare(row.bytes, bytes) === 0);
    }
    next += Math.min(page.length, wanted.length);
  }
  await Promise.all([original.close(), copy.close()]);
  const reader = await openLedgerReader(target);
  assert.is((await verifyChain(reader)).reason, null);
  let read = 0;
  for (const stream of await reader.listStreams()) read += (await reader.readStream(stream)).length;
  assert.is(read, size, "every event is found by its stream");
  await reader.close();
}

test("a copy holds events, blobs and leases; the next one adds what is new", async (world) => {
  const { source, target } = world;
  await write(source, "a", 30);
  const first = await copyRun(source, target);
  assert.equal([first.size, first.added.events, first.added.blobs], [180, 180, 30]);
  await isBeginning(world, first);
  await write(source, "b", 5);
  const second = await copyRun(source, target);
  assert.equal([second.size, second.added.events, second.added.blobs], [210, 30, 5]);
  await isBeginning(world, second);
  const third = await copyRun(source, target);
  assert.equal(third.added, { events: 0, blobs: 0, bytes: 0 });
});

test("a copy can be written to as the run itself", async (world) => {
  await write(world.source, "a", 3);
  const before = await openLedger(world.source, { clock });
  await before.acquireLease("judge/r", "head");
  await before.close();
  await copyRun(world.source, world.target);
  const ledger = await openLedger(world.target, { clock });
  assert.equal(await ledger.lease("judge/r"), { name: "judge/r", epoch: 1, holder: "head" });
  assert.is((await ledger.acquireLease("judge/r", "other")).epoch, 2);
  const again = { ...request("a1", part("judge/r"), part("learner/r")), blobs: [] };
  assert.is((await ledger.append(again)).length, 6, "commands are known as before");
  const [added] = await ledger.append(request("c", part("learner/r", { events: someEvents(1) })));
  assert.is(added?.seq, 10);
  assert.ok(await ledger.blobs.has(hashName(Buffer.from("a 2"))));
  await ledger.close();
});

test("what went on by itself, and another run, is not written over", async (world) => {
  const { source, target, folder } = world;
  await write(source, "a", 2);
  await copyRun(source, target);
  await write(target, "own", 1);
  assert.is(await codeOf(copyRun(source, target)), "ledger-other");
  await write(source, "a-later", 3);
  assert.is(await codeOf(copyRun(source, target)), "ledger-other");
  await (await openLedger(target, { clock })).close();
  const other = join(folder, "other");
  await write(other, "x", 2);
  assert.is(await codeOf(copyRun(source, other)), "ledger-other");
  await (await openLedger(other, { clock })).close();
});

test("a copy that was interrupted cannot be written to until it is whole", async (world) => {
  const { source, target } = world;
  await write(source, "a", 60);
  const stop = new AbortController();
  const stopped = copyRun(source, target, {
    signal: stop.signal,
    onProgress: () => stop.abort(new Error("stopped here")),
  });
  assert.is(
    await stopped.then(
      () => "whole",
      (thrown: Error) => thrown.message,
    ),
    "stopped here",
  );
  const reader = await openLedgerReader(target);
  const { size } = await reader.head();
  await reader.close();
  assert.ok(size > 0 && size < 360, `${size} events`);
  assert.is(await codeOf(openLedger(target, { clock })), "ledger-partial");
  const report = await copyRun(source, target);
  assert.is(report.added.events, 360 - size);
  await isBeginning(world, report);
  await (await openLedger(target, { clock })).close();
});

test("copies of a run that a process writes at full speed are whole, and it goes on", async (world) => {
  const { source, target } = world;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "tests/storage/flood-child.ts", source, "x"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    let lines = 0;
    createInterface({ input: child.stdout }).on("line", () => {
      lines += 1;
    });
    while (lines < 20) await new Promise((resolve) => setTimeout(resolve, 20));
    let size = 0;
    for (let round = 0; round < 3; round++) {
      const before = lines;
      const report = await copyRun(source, target);
      assert.ok(report.size > size, "it grows");
      assert.is(report.added.events, report.size - size);
      size = report.size;
      await isBeginning(world, report);
      while (lines === before) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    child.kill("SIGKILL");
  }
});

test.run();
