// Goal: a file that is as long as it says costs no second process to be opened; one that is shorter
// and can be read is opened all the same, and goes on.
import { cp, open, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openLedger, openLedgerReader } from "../../storage/index.ts";
import { isShort } from "../../storage/short-file.ts";
import { codeOf, now, part, request, someEvents, temporaryFolder } from "./harness.ts";

const test = suite("short files");
const clock = (): number => now;
const pageBytes = 4_096;
const lastPageAt = 144;
const appends = 40;
/** Between two cuts: in the middle of pages, too. */
const cutBytes = 4.5 * pageBytes;
/** Towards the end page by page. */
const endBytes = 10 * pageBytes;

async function inFolder(action: (directory: string) => Promise<void>): Promise<void> {
  const directory = await temporaryFolder();
  try {
    await action(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function write(directory: string, mark: string): Promise<void> {
  const ledger = await openLedger(directory, { clock });
  for (let index = 0; index < appends; index++) {
    const blob = await ledger.blobs.put(Buffer.alloc(100_000, `${mark}.${index}`));
    const parts = part(`judge/${mark}`, { events: someEvents(20, `${mark}.${index}`) });
    await ledger.append({ ...request(`${mark}.${index}`, parts), blobs: [blob] });
  }
  await ledger.close();
}

async function sizeOf(directory: string): Promise<number> {
  const reader = await openLedgerReader(directory);
  try {
    return (await reader.head()).size;
  } finally {
    await reader.close();
  }
}

async function readAll(directory: string): Promise<void> {
  const reader = await openLedgerReader(directory);
  try {
    for (let next = 1; ; ) {
      const page = await reader.readAll(next);
      const last = page.at(-1);
      if (last === undefined) break;
      next = last.global + 1;
    }
    assert.is((await reader.listStreams("judge/")).length, 3);
  } finally {
    await reader.close();
  }
}

/**
 * Makes both meta pages speak of pages that the file does not have: none of its rows needs them.
 */
async function promisePages(file: string, pages: bigint): Promise<void> {
  const handle = await open(file, "r+");
  for (const at of [lastPageAt, pageBytes + lastPageAt]) {
    const last = Buffer.alloc(8);
    await handle.read(last, 0, 8, at);
    last.writeBigUInt64LE(last.readBigUInt64LE() + pages);
    await handle.write(last, 0, 8, at);
  }
  await handle.close();
}

/** Runs `action` where no other process can be started. */
async function alone<T>(action: () => Promise<T>): Promise<T> {
  const { execPath } = process;
  process.execPath = "/no/such/program";
  try {
    return await action();
  } finally {
    process.execPath = execPath;
  }
}

test("a file that is as long as it says is opened without another process", () =>
  inFolder(async (directory) => {
    await alone(async () => {
      for (const mark of ["a", "b"]) await write(directory, mark);
      assert.is(await sizeOf(directory), 2 * appends * 20);
    });
    for (const name of ["ledger", "blobs"]) {
      assert.is(isShort(join(directory, name, "data.mdb")), false, name);
    }
  }));

test("a shorter file whose rows can all be read is no damage, and the ledger goes on", () =>
  inFolder(async (directory) => {
    await write(directory, "a");
    for (const name of ["ledger", "blobs"]) {
      const file = join(directory, name, "data.mdb");
      await promisePages(file, 3n);
      assert.is(isShort(file), true, name);
    }
    const refused = await alone(() => sizeOf(directory).then(() => "", String));
    assert.match(refused, "/no/such/program");
    assert.is(await sizeOf(directory), appends * 20);
    await write(directory, "b");
    assert.is(await sizeOf(directory), 2 * appends * 20);
  }));

test("a file that ends within its first pages is short, and an absent one is none", () =>
  inFolder(async (directory) => {
    const file = join(directory, "data.mdb");
    assert.is(isShort(file), false);
    const handle = await open(file, "w");
    for (const bytes of [0, 1, 100, pageBytes, pageBytes + 100]) {
      await handle.truncate(bytes);
      assert.is(isShort(file), true, `${bytes}`);
    }
    await handle.close();
    assert.is(await codeOf(openLedgerReader(directory)), "ledger-missing");
  }));

test("wherever a ledger is cut, it is refused as damaged, or it is all there and goes on", () =>
  inFolder(async (directory) => {
    const whole = join(directory, "whole");
    const ledger = await openLedger(whole, { clock });
    for (let index = 0; index < 12; index++) {
      const events = someEvents(20, `${index}`.repeat(50));
      await ledger.append(request(`${index}`, part(`judge/${index % 3}`, { events })));
    }
    await ledger.close();
    const bytes = (await stat(join(whole, "ledger", "data.mdb"))).size;
    const outcomes = new Set<string>();
    for (let size = 0; size < bytes; size += size < bytes - endBytes ? cutBytes : pageBytes) {
      const cut = join(directory, `${size}`);
      await cp(whole, cut, { recursive: true });
      await truncate(join(cut, "ledger", "data.mdb"), size);
      const [read, written] = [await codeOf(readAll(cut)), await codeOf(write(cut, "late"))];
      outcomes.add(`${read} ${written}`);
    }
    // In the middle only the list of free pages is gone, which no reader needs.
    const corrupt = "ledger-corrupt";
    assert.equal([...outcomes], [`${corrupt} ${corrupt}`, `null ${corrupt}`, "null null"]);
  }));

test.run();
