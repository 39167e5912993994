// Goal: a run's checkpoints say what its ledger holds, outlive torn writes, and never sign over a
// loss; the key that signs them is nobody else's to read.
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  checkpointKeysFile,
  checkpointsFile,
  cutNotes,
  MemoryDisk,
  newSigningKey,
  openCheckpointLog,
  openMemoryLedger,
  openNote,
  openSigningKey,
  parseCheckpoint,
} from "../../storage/index.ts";

const test = suite<{ directory: string }>("storage/checkpoints");
const run = "r";
const key = newSigningKey();
const clock = () => 1_700_000_000_000;

test.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), "varft-checkpoints-"));
});
test.after.each(({ directory }) => rm(directory, { recursive: true, force: true }));

async function append(ledger: Awaited<ReturnType<typeof openMemoryLedger>>, command: string) {
  const events = [{ type: "run.completed", v: 1, data: { n: command } }];
  const parts = [{ stream: "run/r", expected: null, epoch: 0, events }];
  await ledger.append({ command, by: "test", trace: null, blobs: [], parts });
}

async function notesIn(directory: string) {
  const text = await readFile(join(directory, checkpointsFile), "utf8");
  const { notes, rest } = cutNotes(text);
  return { text, rest, notes, read: notes.map((note) => openNote(note, [key.verifier])) };
}

test("every head is signed once, in order, and told to whoever listens", async ({ directory }) => {
  const ledger = await openMemoryLedger({ clock });
  const told: string[] = [];
  const onSigned = (note: string) => told.push(note);
  const log = await openCheckpointLog({ directory, run, ledger, key, onSigned });
  await log.sign();
  const heads = [];
  for (const command of ["a", "b"]) {
    await append(ledger, command);
    heads.push(await ledger.head());
    await Promise.all([log.sign(), log.sign()]);
  }
  await log.close();
  const { notes, read, rest } = await notesIn(directory);
  assert.equal(notes, told);
  assert.is(rest, "");
  assert.ok(read.every(({ signers }) => signers.length === 1));
  const origin = `${key.verifier.name}/r`;
  assert.equal(
    read.map(({ text }) => parseCheckpoint(text)),
    heads.map((head) => ({ origin, ...head })),
  );
  assert.is(await readFile(join(directory, checkpointKeysFile), "utf8"), `${key.verifier.text}\n`);
});

test("it goes on behind what is there, and cuts off what was left half", async ({ directory }) => {
  const ledger = await openMemoryLedger({ clock });
  await append(ledger, "a");
  const first = await openCheckpointLog({ directory, run, ledger, key });
  await first.sign();
  await first.close();
  const { text } = await notesIn(directory);
  await writeFile(join(directory, checkpointsFile), `${text}varft/x/r\n2\nab`);
  await append(ledger, "b");
  const second = await openCheckpointLog({ directory, run, ledger, key });
  await second.sign();
  await second.close();
  const { text: after, notes } = await notesIn(directory);
  assert.ok(after.startsWith(text));
  assert.is(notes.length, 2);
  const keys = await readFile(join(directory, checkpointKeysFile), "utf8");
  assert.is(keys, `${key.verifier.text}\n`, "the same key is named once");
});

test("a ledger that lost or changed what was signed is refused", async ({ directory }) => {
  const disk = new MemoryDisk();
  const ledger = await openMemoryLedger({ clock, disk });
  await append(ledger, "a");
  await append(ledger, "b");
  const log = await openCheckpointLog({ directory, run, ledger, key });
  await log.sign();
  await log.close();
  const [one, two] = disk.rows.splice(0);
  if (one === undefined || two === undefined) throw new Error("two rows were stored");
  for (const rows of [[one], [], [two, one]]) {
    disk.rows.splice(0, 2, ...rows);
    const opened = openCheckpointLog({ directory, run, ledger, key });
    await opened.then(
      () => assert.unreachable(`${rows.length} rows were taken`),
      ({ code, message }) => {
        assert.is(code, "ledger-corrupt");
        assert.match(message, "has signed 2 events");
      },
    );
  }
});

test("the key is made once, for its owner alone, and its public half beside it", async (context) => {
  const file = join(context.directory, "keys", "signing-key");
  const [one, two] = await Promise.all([openSigningKey(file), openSigningKey(file)]);
  const three = await openSigningKey(file);
  assert.equal([two.text, three.text], [one.text, one.text]);
  assert.is((await stat(file)).mode & 0o777, 0o600);
  assert.is(await readFile(`${file}.pub`, "utf8"), `${one.verifier.text}\n`);
});

test("a key that cannot be written leaves nothing behind", async ({ directory }) => {
  try {
    const size = ["-o", "size=8k"];
    execFileSync("mount", ["-t", "tmpfs", ...size, "none", directory], { stdio: "ignore" });
  } catch {
    console.log("skipped: mounting a small tmpfs needs root");
    return;
  }
  try {
    await writeFile(join(directory, "full"), Buffer.alloc(8 * 1024)).catch(() => {});
    const failed = await openSigningKey(join(directory, "signing-key")).then(
      () => "written",
      ({ code }) => code,
    );
    assert.is(failed, "ENOSPC");
    assert.equal(await readdir(directory), ["full"]);
  } finally {
    execFileSync("umount", ["-l", directory]);
  }
});

test("a key that others may read, or that is none, is refused by its file", async (context) => {
  const file = join(context.directory, "signing-key");
  await openSigningKey(file);
  await chmod(file, 0o640);
  const refused = (pattern: RegExp) =>
    openSigningKey(file).then(
      () => assert.unreachable("it was taken"),
      ({ code, message }) => {
        assert.is(code, "note-key");
        assert.match(message, file);
        assert.match(message, pattern);
      },
    );
  await refused(/chmod 600/);
  await chmod(file, 0o600);
  await writeFile(file, "PRIVATE+KEY+x\n");
  await refused(/not a key/);
});

test.run();
