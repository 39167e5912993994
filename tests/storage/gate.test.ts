import { spawn } from "node:child_process";
import { link, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openGate, passGate } from "../../storage/gate.ts";
import { Turnstile } from "../../storage/turnstile.ts";
import { codeOf, temporaryFolder } from "./harness.ts";

const test = suite("gate");
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function inFolder(action: (folder: string) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder();
  try {
    await action(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("nobody passes a held turnstile, and nobody is inside while it is held", async () => {
  const turnstile = new Turnstile();
  const events: string[] = [];
  const passing = [1, 2, 3].map(async (n) => {
    await wait(n);
    await turnstile.pass(async () => {
      events.push("in");
      await wait(5);
      events.push("out");
    });
  });
  await wait(3);
  const letGo = await turnstile.hold();
  const second = await turnstile.hold();
  assert.is(events.filter((event) => event === "in").length, events.length / 2);
  const before = events.length;
  const late = turnstile.pass(async () => void events.push("late"));
  await wait(15);
  letGo();
  await wait(5);
  assert.is(events.length, before);
  second();
  await Promise.all([...passing, late]);
  assert.is(events.filter((event) => event === "late").length, 1);
  const error = await turnstile.pass(() => Promise.reject(new Error("inside"))).catch(String);
  assert.is(error, "Error: inside");
  (await turnstile.hold())();
});

test("an opening and a commit never coincide", () =>
  inFolder(async (folder) => {
    const turnstile = new Turnstile();
    const gate = await openGate(folder, () => turnstile.hold());
    let isCommitting = false;
    let isOver = false;
    let openings = 0;
    const committer = async (): Promise<void> => {
      while (!isOver) {
        await turnstile.pass(async () => {
          isCommitting = true;
          await wait(1);
          isCommitting = false;
        });
      }
    };
    const commits = committer();
    const askers = Array.from({ length: 10 }, async () => {
      for (let round = 0; round < 5; round++) {
        await passGate(folder, () => {
          assert.not(isCommitting);
          openings++;
        });
      }
    });
    await Promise.all(askers);
    isOver = true;
    await commits;
    assert.is(openings, 50);
    await gate.close();
  }));

/** What killed writers leave: sockets that nobody listens on, with the public name and without. */
async function leaveDead(folder: string): Promise<void> {
  const server = createServer().listen(join(folder, "alive"));
  await wait(5);
  for (const place of ["gate.1.2", "gate"]) {
    await mkdir(join(folder, place));
    await link(join(folder, "alive"), join(folder, place, "1.2"));
  }
  await new Promise((resolve) => server.close(resolve));
}

test("what a killed writer has left is swept, and what lives stays", () =>
  inFolder(async (folder) => {
    const hold = async (): Promise<() => void> => () => {};
    await leaveDead(folder);
    await mkdir(join(folder, "gate.3.4"));
    const other = createServer().listen(join(folder, "gate.3.4", "3.4"));
    const gate = await openGate(folder, hold);
    const left = await readdir(folder);
    assert.not(left.includes("gate.1.2"));
    assert.ok(left.includes("gate.3.4"));
    assert.is(await codeOf(openGate(folder, hold)), "ledger-in-use");
    await gate.close();
    await new Promise((resolve) => other.close(resolve));
    assert.equal(await readdir(folder), ["gate.3.4"]);
    // A folder whose process died before it had a socket is swept, too.
    await (await openGate(folder, hold)).close();
    assert.equal(await readdir(folder), []);
  }));

test("one gate at a time; after a close or a crash the next one opens", () =>
  inFolder(async (folder) => {
    const hold = async (): Promise<() => void> => () => {};
    const gate = await openGate(folder, hold);
    const refused = await openGate(folder, hold).then(() => "opened", String);
    assert.match(
      refused,
      `process ${process.pid} writes the ledger in ${folder}: wait until it has ended`,
    );
    await gate.close();
    await (await openGate(folder, hold)).close();
    await leaveDead(folder);
    assert.is(await passGate(folder, () => "in"), "in");
    const opened = await Promise.allSettled(
      Array.from({ length: 6 }, () => openGate(folder, hold)),
    );
    const gates = opened.filter((result) => result.status === "fulfilled");
    assert.is(gates.length, 1);
    assert.is(await codeOf(openGate(folder, hold)), "ledger-in-use");
    await gates[0]?.value.close();
    await writeFile(join(folder, "gate.sock"), "no socket at all");
    await (await openGate(folder, hold)).close();
  }));

const gateChild = fileURLToPath(new URL("gate-child.ts", import.meta.url));

/** Another process that opens gates; `ask` sends it a line and resolves to its answer. */
async function startOpener() {
  const child = spawn(process.execPath, ["--import", "tsx", gateChild], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => (await answers.next()).value ?? "ended";
  assert.is(await next(), "ready");
  return {
    ask: (line: string): Promise<string> => {
      child.stdin.write(`${line}\n`);
      return next();
    },
    kill: (): Promise<void> => {
      child.kill("SIGKILL");
      return new Promise((resolve) => child.once("close", () => resolve()));
    },
  };
}

const openersCount = 4;
const roundsCount = 60;

test("of processes that open at once over what a killed one has left, one gets the gate", () =>
  inFolder(async (folder) => {
    const openers = await Promise.all(Array.from({ length: openersCount }, startOpener));
    try {
      for (let round = 0; round < roundsCount; round++) {
        const place = join(folder, `${round}`);
        await mkdir(place);
        await leaveDead(place);
        const answers = await Promise.all(openers.map(({ ask }) => ask(place)));
        const refused = Array.from({ length: openersCount - 1 }, () => "ledger-in-use");
        assert.equal(answers.sort(), [...refused, "opened"], `round ${round}`);
        await Promise.all(openers.map(({ ask }) => ask("")));
        assert.equal(await readdir(place), []);
      }
    } finally {
      await Promise.all(openers.map(({ kill }) => kill()));
    }
  }));

test("a gate in the place of varft 0.2.0 counts while it answers, and goes when it does not", () =>
  inFolder(async (folder) => {
    const hold = async (): Promise<() => void> => () => {};
    let askers = 0;
    const writer = createServer((socket) => {
      askers++;
      // An asker may hang up first.
      socket.on("error", () => {});
      socket.end(".");
    }).listen(join(folder, "gate.1.2"));
    await wait(5);
    await link(join(folder, "gate.1.2"), join(folder, "gate.sock"));
    assert.is(await passGate(folder, () => "in"), "in");
    assert.is(askers, 1);
    assert.is(await codeOf(openGate(folder, hold)), "ledger-in-use");
    await link(join(folder, "gate.1.2"), join(folder, "gate.1.2.stale"));
    await new Promise((resolve) => writer.close(resolve));
    await (await openGate(folder, hold)).close();
    assert.equal(await readdir(folder), []);
  }));

test("an asker that never hangs up is cut off", () =>
  inFolder(async (folder) => {
    const turnstile = new Turnstile();
    const gate = await openGate(folder, () => turnstile.hold(), 50);
    const [name = ""] = await readdir(join(folder, "gate"));
    const socket = createConnection(join(folder, "gate", name));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await new Promise((resolve) => socket.once("data", resolve));
    const start = performance.now();
    await turnstile.pass(async () => {});
    assert.ok(performance.now() - start > 20);
    await closed;
    await gate.close();
  }));

test("folders with long names work", () =>
  inFolder(async (folder) => {
    const long = join(folder, "a".repeat(150), "b".repeat(100));
    assert.is(await passGate(long, () => "in"), "in");
    await mkdir(long, { recursive: true });
    const turnstile = new Turnstile();
    const gate = await openGate(long, () => turnstile.hold());
    assert.is(await codeOf(openGate(long, () => turnstile.hold())), "ledger-in-use");
    assert.is(await passGate(long, () => "in"), "in");
    await gate.close();
  }));

test("a writer that stands still is asked once, and told of", async () => {
  await inFolder(async (folder) => {
    let letGo = () => {};
    const held = new Promise<() => void>((resolve) => {
      letGo = () => resolve(() => {});
    });
    const gate = await openGate(folder, () => held);
    const startMs = performance.now();
    const told = await passGate(folder, () => "in", 100).catch((thrown: Error) => thrown.message);
    assert.match(told, /does not answer: it stands still, or its host is very busy/);
    assert.ok(performance.now() - startMs < 1_500, "it is not asked twenty times");
    letGo();
    await gate.close();
  });
});

test.run();
