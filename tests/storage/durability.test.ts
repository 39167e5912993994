// What the LMDB ledger does when processes die, disks fill up and writers collide.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encode, type HashName, isHashName } from "../../events/index.ts";
import {
  follow,
  type Ledger,
  LedgerError,
  MemoryDisk,
  openLedger,
  openLedgerReader,
  openMemoryLedger,
  verifyChain,
} from "../../storage/index.ts";
import { codeOf, now, part, request, setOwner, someEvents, temporaryFolder } from "./harness.ts";

const test = suite("durability");
const child = fileURLToPath(new URL("./flood-child.ts", import.meta.url));
const clock = (): number => now;

async function inFolder(action: (directory: string) => Promise<void>): Promise<void> {
  const directory = await temporaryFolder();
  try {
    await action(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Lets a child flood the ledger, kills it after `lines` acknowledgements, returns all of them. */
async function floodAndKill(
  directory: string,
  mark: string,
  lines: number,
  meanwhile: (line: number) => Promise<void> = async () => {},
): Promise<string[]> {
  const process_ = spawn(process.execPath, ["--import", "tsx", child, directory, mark], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(process_, "exit");
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: process_.stdout })) {
    acknowledged.push(line);
    await meanwhile(acknowledged.length);
    if (acknowledged.length === lines) process_.kill("SIGKILL");
  }
  assert.equal(await ended, [null, "SIGKILL"], "the child ended by itself");
  return acknowledged.slice(1);
}

async function checkAcknowledged(ledger: Ledger, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const [command = "", blob = ""] = line.split(" ");
    const sample = command.split(".")[1];
    const parts = [part(`trajectory/r1/0.0.${sample}`), part(`judge/r${sample}`)];
    const size = (await ledger.head()).size;
    assert.is((await ledger.append(request(command, ...parts))).length, 8, command);
    assert.is((await ledger.head()).size, size, `${command} was lost`);
    if (isHashName(blob)) assert.ok(await ledger.blobs.get(blob as HashName), blob);
  }
}

test("a killed writer loses nothing that it acknowledged, again and again", () =>
  inFolder(async (directory) => {
    const acknowledged: string[] = [];
    for (const [life, lines] of [40, 300, 150].entries()) {
      acknowledged.push(...(await floodAndKill(directory, `${life}`, lines)));
      const ledger = await openLedger(directory, { clock });
      await checkAcknowledged(ledger, acknowledged);
      const verdict = await verifyChain(ledger);
      assert.is(verdict.reason, null);
      assert.ok(verdict.events >= acknowledged.length * 8);
      for (const stream of await ledger.listStreams()) {
        const events = await ledger.readStream(stream);
        assert.is(events.length % 4, 0, "half an append is there");
        assert.is(new Set(events.map((event) => event.id)).size, events.length);
      }
      await ledger.close();
    }
  }));

test("another process opens and reads while the writer writes, and sees whole appends only", () =>
  inFolder(async (directory) => {
    let last = 0;
    const acknowledged = await floodAndKill(directory, "0", 400, async (line) => {
      if (line % 3 !== 1) return;
      const reader = await openLedgerReader(directory);
      const { size } = await reader.head();
      assert.is(size % 8, 0);
      assert.ok(size >= last);
      last = size;
      if (line % 60 === 1) assert.is((await verifyChain(reader)).reason, null);
      await reader.close();
    });
    assert.ok(last > 0);
    const ledger = await openLedger(directory, { clock });
    await checkAcknowledged(ledger, acknowledged);
    await ledger.close();
  }));

test("a second writer is refused while the first lives, in this process and in others", () =>
  inFolder(async (directory) => {
    const ledger = await openLedger(directory, { clock });
    assert.is(await codeOf(openLedger(directory, { clock })), "ledger-in-use");
    await ledger.append(request("c1", part("run/a")));
    await ledger.close();
    let code: string | null = null;
    await floodAndKill(directory, "0", 20, async (line) => {
      if (line === 10) code = await codeOf(openLedger(directory, { clock }));
    });
    assert.is(code, "ledger-in-use");
    await (await openLedger(directory, { clock })).close();
  }));

test("a ledger whose owner is gone, or was copied, is taken over", () =>
  inFolder(async (directory) => {
    await (await openLedger(directory, { clock })).close();
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
    const { dev, ino } = await stat(join(directory, "ledger", "data.mdb"), { bigint: true });
    const owner = { pid: process.pid, started: null, boot, host: "h", opening: "1" };
    const file = `${dev}:${ino}`;
    const rows: [Uint8Array, string | null][] = [
      [encode({ ...owner, file }), "ledger-in-use"],
      [encode({ ...owner, file, started: "1" }), null],
      [encode({ ...owner, file, pid: 2 ** 30 }), null],
      [encode({ ...owner, file, boot: "another" }), null],
      [encode({ ...owner, file: "a copy" }), null],
      [Uint8Array.of(0xc1), null],
    ];
    for (const [row, code] of rows) {
      await setOwner(directory, Buffer.from(row));
      assert.is(await codeOf(openLedger(directory, { clock }).then((l) => l.close())), code);
    }
  }));

test("of many that open at once, one gets the ledger", () =>
  inFolder(async (directory) => {
    const opened = await Promise.allSettled(
      Array.from({ length: 8 }, () => openLedger(directory, { clock })),
    );
    const ledgers = opened.filter((result) => result.status === "fulfilled");
    assert.is(ledgers.length, 1);
    await ledgers[0]?.value.close();
  }));

test("a writer that was passed over writes nothing more", () =>
  inFolder(async (directory) => {
    const first = await openLedger(directory, { clock });
    await first.append(request("c1", part("run/a")));
    // Whatever keeps writers apart has failed: the fence in the ledger itself is what is left.
    await rm(join(directory, "ledger", "gate"), { recursive: true });
    await setOwner(directory, null);
    const second = await openLedger(directory, { clock });
    const late = first.append(request("c2", part("run/a")));
    const refused = await late.then(() => "written", String);
    assert.match(refused, /another process took this ledger over/);
    assert.is(await codeOf(first.append(request("c3", part("run/b")))), "ledger-failed");
    assert.is(await codeOf(first.acquireLease("run/a", "x")), "ledger-failed");
    await second.append(request("c4", part("run/a", { expected: 1 })));
    assert.is((await second.head()).size, 2);
    await first.close();
    await second.append(request("c5", part("run/a", { expected: 2 })));
    assert.is((await verifyChain(second)).reason, null);
    await second.close();
  }));

test("a writer that was passed over learns it where it reads, too", () =>
  inFolder(async (directory) => {
    const first = await openLedger(directory, { clock });
    const follower = follow(first, () => {}, { from: 1, intervalMs: 5 });
    await rm(join(directory, "ledger", "gate"), { recursive: true });
    await setOwner(directory, null);
    const second = await openLedger(directory, { clock });
    assert.match(await follower.done.then(String, String), /another process took this ledger over/);
    assert.is(await codeOf(first.append(request("c1", part("run/a")))), "ledger-failed");
    await first.close();
    assert.is((await second.append(request("c2", part("run/a"))))[0]?.seq, 1);
    await second.close();
  }));

test("a page that is asked of a closed ledger is refused, and touches no file", () =>
  inFolder(async (directory) => {
    const ledger = await openLedger(directory, { clock });
    await ledger.append(request("c1", part("run/a")));
    await ledger.close();
    assert.is(await codeOf(ledger.readRows(1)), "ledger-closed");
  }));

test("the blobs of a closed ledger say so: a worker then waits for the next head", () =>
  inFolder(async (directory) => {
    const ledger = await openLedger(directory, { clock });
    const name = await ledger.blobs.put(Uint8Array.of(1));
    await ledger.close();
    const late = [
      ledger.blobs.get(name),
      ledger.blobs.has(name),
      ledger.blobs.put(Uint8Array.of(2)),
    ];
    for (const one of late) assert.is(await codeOf(one), "ledger-closed");
  }));

test("a reader of nothing says so", () =>
  inFolder(async (directory) => {
    assert.is(await codeOf(openLedgerReader(directory)), "ledger-missing");
  }));

test("a full disk ends the writer with an error, and nothing that it acknowledged is missing", () =>
  inFolder(async (directory) => {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "none", directory], {
        stdio: "ignore",
      });
    } catch {
      console.log("skipped: mounting a small tmpfs needs root");
      return;
    }
    try {
      await fillDisk(directory);
    } finally {
      execFileSync("umount", ["-l", directory]);
    }
  }));

async function fillDisk(directory: string): Promise<void> {
  const ledger = await openLedger(join(directory, "run"), { clock });
  const acknowledged: string[] = [];
  const failures: unknown[] = [];
  const data = new Uint8Array(2_000);
  const events = Array.from({ length: 8 }, () => ({ type: "step.planned", v: 1, data }));
  const report = console.error;
  console.error = () => {}; // lmdb-js prints the failed commit
  try {
    for (let round = 0; round < 100; round++) {
      const appends = [0, 1, 2, 3].map(async (writer) => {
        const command = `${round}.${writer}`;
        await ledger.append(request(command, part(`run/${writer}`, { events })));
        acknowledged.push(command);
      });
      for (const result of await Promise.allSettled(appends)) {
        if (result.status === "rejected") failures.push(result.reason);
      }
      if (failures.length > 0) break;
    }
    assert.ok(failures.length > 0, "the disk never filled up");
    for (const failure of failures) {
      assert.instance(failure, LedgerError);
      assert.is((failure as LedgerError).code, "ledger-failed");
      assert.match((failure as LedgerError).message, /disk/);
    }
    assert.is(await codeOf(ledger.append(request("late", part("run/x")))), "ledger-failed");
    assert.is((await ledger.head()).size, acknowledged.length * 8);
    await ledger.close();
  } finally {
    console.error = report;
  }
  const reader = await openLedgerReader(join(directory, "run"));
  assert.is((await verifyChain(reader)).events, acknowledged.length * 8);
  await reader.close();
}

test("after one failed commit nothing is written, not even what could be", async () => {
  const disk = new MemoryDisk();
  let commits = 0;
  const flush = async (): Promise<void> => {
    if (++commits === 3) throw new Error("the disk is full");
  };
  const ledger = await openMemoryLedger({ disk, clock, flush });
  const codes: (string | null)[] = [];
  for (let round = 0; round < 5; round++) {
    codes.push(await codeOf(ledger.append(request(`c${round}`, part("run/a")))));
  }
  assert.equal(codes, [null, null, "ledger-failed", "ledger-failed", "ledger-failed"]);
  await ledger.close();
  const reopened = await openMemoryLedger({ disk, clock });
  assert.is((await reopened.head()).size, 2);
  assert.is((await reopened.append(request("c2", part("run/a", { expected: 2 }))))[0]?.seq, 3);
});

test("an acknowledgement waits for the disk", () =>
  inFolder(async (directory) => {
    const script = fileURLToPath(new URL("./append-once.ts", import.meta.url));
    const trace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"];
    const slow = ["-e", "inject=fdatasync:delay_enter=200000"];
    const node = [process.execPath, "--import", "tsx", script, directory];
    let output: string;
    try {
      output = execFileSync("strace", [...trace, ...slow, ...node], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    } catch (error) {
      console.log(
        `skipped: strace cannot be used here (${error instanceof Error && error.message})`,
      );
      return;
    }
    for (const ms of JSON.parse(output) as number[]) assert.ok(ms >= 200, `${ms} ms`);
  }));

test("nothing is acknowledged or readable before it is durable", async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const ledger = await openMemoryLedger({ clock, flush: () => gate });
  let isAcknowledged = false;
  const append = ledger.append(request("c1", part("run/a"))).then(() => {
    isAcknowledged = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.not(isAcknowledged);
  assert.is((await ledger.head()).size, 0);
  assert.equal(await ledger.readAll(1), []);
  release();
  await append;
  assert.is((await ledger.head()).size, 1);
});

test("a writer that is much faster than the disk is told to wait", async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const ledger = await openMemoryLedger({ clock, flush: () => gate });
  const data = new Uint8Array(200 * 1024);
  const events = Array.from({ length: 50 }, () => ({ type: "step.planned", v: 1, data }));
  const appends = Array.from({ length: 12 }, (_, index) =>
    codeOf(ledger.append(request(`c${index}`, part("run/a", { events })))),
  );
  release();
  const codes = await Promise.all(appends);
  assert.is(codes[0], null);
  assert.is(codes.at(-1), "ledger-busy");
  assert.is(await codeOf(ledger.append(request("c11", part("run/a", { events })))), null);
  const stored = await ledger.readStream("run/a");
  assert.is(stored.length, (codes.filter((code) => code === null).length + 1) * 50);
});

test("a changed, missing or exchanged row breaks the chain", async () => {
  const damages: ((rows: Uint8Array[]) => void)[] = [
    (rows) => rows[1]?.set([0xff], 20),
    (rows) => void rows.splice(1, 1),
    (rows) => rows.reverse(),
    (rows) => void rows.pop(),
  ];
  for (const damage of damages) {
    const disk = new MemoryDisk();
    const ledger = await openMemoryLedger({ disk, clock });
    await ledger.append(request("c1", part("run/a", { events: someEvents(3) })));
    assert.ok((await verifyChain(ledger)).ok);
    damage(disk.rows);
    const verdict = await verifyChain(ledger);
    assert.not(verdict.ok);
    assert.type(verdict.reason, "string");
  }
});

test.run();
