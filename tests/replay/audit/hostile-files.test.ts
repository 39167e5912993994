// Goal: whatever the files of a run are, the auditor lives, says that the run cannot be read, and
// leaves no process behind.
import { mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../../events/index.ts";
import { type AuditProgress, auditLimits, auditRun, verdictOf } from "../../../replay/index.ts";
import { realRun, signed, tablesOf, writeTables } from "./forge.ts";

const test = suite<{ directory: string; data: string }>("replay/audit: hostile files");
const trust = { trustedKey: null, trustedNotes: null };
/** LMDB may go in circles on such files; how long one waits is not what is tested. */
const limits = { ...auditLimits, stallMsMax: 4_000 };

test.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), "varft-hostile-"));
  context.data = join(context.directory, "ledger", "data.mdb");
  const tables = tablesOf(await realRun());
  await writeTables(context.directory, tables, signed(tables));
});
test.after.each(({ directory }) => rm(directory, { recursive: true, force: true }));

async function refused(directory: string, reason: RegExp): Promise<void> {
  const verdict = verdictOf(await auditRun(directory, { ...trust, limits }), false);
  assert.is(verdict.ok, false);
  assert.is(verdict.origin, "unproven");
  assert.match(verdict.firstBad?.reason ?? "", reason);
}

test("a good run is audited in a child, and tells how far it is", async ({ directory }) => {
  const heard: AuditProgress[] = [];
  const onProgress = (progress: AuditProgress) => heard.push(progress);
  const report = await auditRun(directory, { ...trust, onProgress });
  assert.is(report.firstBad, null);
  assert.is(report.events, 990);
  assert.ok(heard.some(({ stage, done, total }) => stage === "events" && done === total));
});

test("no ledger, an empty file and a text instead of one", async ({ directory, data }) => {
  await writeFile(data, "");
  await refused(directory, /the ledger cannot be read/);
  await writeFile(data, "I am no ledger. ".repeat(4_096));
  await refused(directory, /cannot be read|MDB_INVALID/);
  await rm(join(directory, "ledger"), { recursive: true });
  await refused(directory, /there is no ledger/);
});

test("files that were cut off", async ({ directory, data }) => {
  const { size } = await stat(data);
  for (const share of [0.9, 0.5, 0.1]) {
    await truncate(data, Math.floor((size * share) / 4_096) * 4_096);
    await refused(directory, /^reading: the ledger cannot be read after event \d+: /);
  }
});

test("a file whose pages are garbage", async ({ directory, data }) => {
  const seed = 5;
  const random = new RandomStream(seed, "pages");
  const whole = await readFile(data);
  for (let round = 0; round < 2; round++) {
    const bytes = Buffer.from(whole);
    for (let at = 2 * 4_096; at < bytes.length; at++) bytes[at] = random.integer(256);
    await writeFile(data, bytes);
    const report = await auditRun(directory, { ...trust, limits });
    assert.ok(report.firstBad !== null, `seed ${seed}, round ${round}`);
  }
});

test("a file with the heads of its pages changed, which leads LMDB astray", async (context) => {
  const seed = 6;
  const random = new RandomStream(seed, "heads");
  const whole = await readFile(context.data);
  const pages = whole.length / 4_096;
  for (let round = 0; round < 2; round++) {
    const bytes = Buffer.from(whole);
    for (let page = 2; page < pages; page++) {
      // Flags, bounds and the first pointers of a page.
      for (let at = 8; at < 40; at++) bytes[page * 4_096 + at] = random.integer(256);
    }
    await writeFile(context.data, bytes);
    const report = await auditRun(context.directory, { ...trust, limits });
    assert.ok(report.firstBad !== null, `seed ${seed}, round ${round}`);
  }
});

test("blobs that cannot be opened", async ({ directory }) => {
  const blobs = join(directory, "blobs", "data.mdb");
  await truncate(blobs, 2 * 4_096);
  await refused(directory, /the file of blobs cannot be read at its beginning/);
  await writeFile(blobs, Buffer.alloc(8_192, 7));
  await refused(directory, /the file of blobs cannot be read at its beginning/);
});

test("a reader that tells nothing for too long is ended", async ({ directory }) => {
  const short = { ...auditLimits, startMsMax: 1 };
  const { firstBad } = await auditRun(directory, { ...trust, limits: short });
  assert.match(firstBad?.reason ?? "", /it told nothing for 0\.001 s/);
});

test("a reader that takes too much memory is ended", async ({ directory }) => {
  const small = { ...auditLimits, memoryBytesMax: 2 ** 20 };
  const { firstBad } = await auditRun(directory, { ...trust, limits: small });
  assert.match(firstBad?.reason ?? "", /it took more than 1 MiB|SIGABRT|SIGTRAP|code \d+/);
});

test("an audit that is stopped ends its reader and says so", async ({ directory }) => {
  const controller = new AbortController();
  const onProgress = () => controller.abort();
  const stopped = auditRun(directory, { ...trust, onProgress, signal: controller.signal });
  await stopped.then(
    () => assert.unreachable("it went on"),
    ({ policy }) => assert.is(policy, "cancelled"),
  );
});

test("a folder in place of the checkpoints is told", async ({ directory }) => {
  await rm(join(directory, "checkpoints.txt"));
  await mkdir(join(directory, "checkpoints.txt"));
  await refused(directory, /EISDIR/);
});

test.run();
