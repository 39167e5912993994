// Goal: blobs that are removed give their place back, and whenever the process that does it dies,
// what was to stay is there.
import { spawn } from "node:child_process";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HashName } from "../../events/index.ts";
import { openLedger, openUpkeep, verifyChain } from "../../storage/index.ts";
import { codeOf, now, part, request, temporaryFolder } from "./harness.ts";

const test = suite<{ folder: string; directory: string }>("upkeep of a run");
const clock = () => now;
const blobBytes = 1_500_000;
const kills = 12;
const upkeepChild = fileURLToPath(new URL("./upkeep-child.ts", import.meta.url));
const readerChild = fileURLToPath(new URL("./reader-child.ts", import.meta.url));

test.before.each(async (world) => {
  world.folder = await temporaryFolder();
  world.directory = join(world.folder, "run");
});
test.after.each(({ folder }) => rm(folder, { recursive: true, force: true }));

/** A run with `count` blobs of random bytes; their names. */
async function write(directory: string, count: number): Promise<HashName[]> {
  const ledger = await openLedger(directory, { clock });
  const names: HashName[] = [];
  for (let index = 0; index < count; index++) {
    const bytes = new Uint8Array(blobBytes).fill(index);
    names.push(await ledger.blobs.put(bytes));
    await ledger.append(request(`c${index}`, part(`judge/${index}`)));
  }
  await ledger.close();
  return names;
}

const fileBytes = async (directory: string) =>
  (await stat(join(directory, "blobs", "data.mdb"))).size;

test("removed blobs are gone, the others are as they were, and the files are smaller", async ({
  directory,
}) => {
  const names = await write(directory, 8);
  const before = await fileBytes(directory);
  const upkeep = await openUpkeep(directory, { clock });
  assert.is(upkeep.blobBytes(names[0] ?? "sha256:"), blobBytes);
  await upkeep.removeBlobs(names.slice(0, 6));
  await upkeep.removeBlobs(names.slice(0, 6));
  assert.is(upkeep.blobBytes(names[0] ?? "sha256:"), null);
  const { bytesBefore, bytesAfter } = await upkeep.compact();
  assert.ok(bytesBefore - bytesAfter > 5 * blobBytes, `${bytesBefore} → ${bytesAfter}`);
  assert.is(await codeOf(openLedger(directory, { clock })), "ledger-in-use");
  await upkeep.close();
  assert.ok((await fileBytes(directory)) < before / 2);
  const ledger = await openLedger(directory, { clock });
  for (const [index, name] of names.entries()) {
    assert.is((await ledger.blobs.get(name))?.[0], index < 6 ? undefined : index);
  }
  assert.is((await verifyChain(ledger)).reason, null);
  await ledger.append(request("later", part("judge/0")));
  const again = await ledger.blobs.put(new Uint8Array(blobBytes));
  assert.is(again, names[0], "it can be stored again");
  await ledger.close();
});

test("who reads while the files are replaced goes on, and the next one sees the new ones", async ({
  directory,
}) => {
  const names = await write(directory, 4);
  const early = await readerOf(directory, names[0]);
  const upkeep = await openUpkeep(directory, { clock });
  await upkeep.removeBlobs(names.slice(0, 2));
  await upkeep.compact();
  await upkeep.close();
  const late = await readerOf(directory, names[0]);
  const ledger = await openLedger(directory, { clock });
  await ledger.append(request("later", part("judge/0")));
  await ledger.close();
  // The old file, with what was removed from the new one just now or not: never something torn.
  assert.match(await early.answer(), /^4 (?:1500000|none)$/);
  assert.is(await late.answer(), "5 none");
});

/** A process that has the run open, and reads when it is asked. */
async function readerOf(directory: string, blob = "") {
  const child = spawn(process.execPath, ["--import", "tsx", readerChild, directory, blob], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.is((await lines.next()).value, "open");
  return {
    async answer(): Promise<string> {
      child.stdin.end("\n");
      return String((await lines.next()).value);
    },
  };
}

test(`killed ${kills} times at any moment, it loses nothing that was to stay`, async ({
  directory,
}) => {
  const names = await write(directory, 10);
  const going = names.filter((_, index) => index % 2 === 0);
  const staying = names.filter((_, index) => index % 2 === 1);
  for (let kill = 0; kill < kills; kill++) {
    await killedUpkeep(directory, going, kill);
    const ledger = await openLedger(directory, { clock });
    assert.is((await verifyChain(ledger)).reason, null);
    assert.is((await ledger.listStreams("judge/")).length, names.length);
    for (const name of staying) assert.is((await ledger.blobs.get(name))?.length, blobBytes);
    // There again for the next life to remove.
    for (const [index] of going.entries()) {
      await ledger.blobs.put(new Uint8Array(blobBytes).fill(2 * index));
    }
    await ledger.close();
  }
});

/** Starts the upkeep and kills it: after one of its words, or some milliseconds later. */
async function killedUpkeep(directory: string, names: readonly HashName[], kill: number) {
  const words = ["open 0", "removed 0", "compact 0"];
  const child = spawn(process.execPath, ["--import", "tsx", upkeepChild, directory, ...names], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line === words[kill % words.length]) resolve();
    });
  });
  await new Promise((resolve) => setTimeout(resolve, 7 * Math.floor(kill / words.length)));
  child.kill("SIGKILL");
  await ended;
}

test.run();
