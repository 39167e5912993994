// The private NATS server of a head: found again, guarded, and gone with its head.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  connectNats,
  type NatsServer,
  readBusFile,
  startNatsServer,
  subjectOf,
} from "../../runtime/index.ts";
import { type FoundProcess, processesWith } from "../e2e/host-processes.ts";
import { rejection } from "./host-world.ts";

const subject = subjectOf({ cluster: "test", run: "r1", actor: "echo" }, "ask");

const server = suite<{ directory: string }>("private NATS server");

server.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), "varft-bus-"));
});
server.after.each((context) => rm(context.directory, { recursive: true }));

async function answersOn(nats: NatsServer): Promise<boolean> {
  const bus = await connectNats({ url: nats.url, token: nats.token });
  await bus.close();
  return true;
}

async function listens(url: string): Promise<boolean> {
  return connectNats({ url, token: "x" }).then(
    async (bus) => {
      await bus.close();
      return true;
    },
    (error: Error) => !/refused/i.test(error.message),
  );
}

server("a restart finds the same port and token; the file is private", async ({ directory }) => {
  const first = await startNatsServer({ directory });
  await first.stop();
  assert.is(await listens(first.url), false);
  const second = await startNatsServer({ directory });
  assert.is(second.url, first.url);
  assert.is(second.token, first.token);
  assert.equal(await readBusFile(directory), { url: first.url, token: first.token });
  for (const file of ["bus.json", "nats.conf"]) {
    assert.is((await stat(join(directory, file))).mode & 0o777, 0o600);
  }
  assert.ok(await answersOn(second));
  await second.stop();
});

server("a wrong token is refused", async ({ directory }) => {
  const nats = await startNatsServer({ directory });
  const error = await rejection(connectNats({ url: nats.url, token: "guess" }));
  assert.is(error.code, "bus-connect");
  await nats.stop();
});

server("a bus that comes late is waited for, by who has the patience", async ({ directory }) => {
  const first = await startNatsServer({ directory });
  await first.stop();
  const { url, token } = first;
  const refused = await rejection(connectNats({ url, token }));
  assert.is(refused.code, "bus-connect");
  const late = connectNats({ url, token, patienceMs: 20_000 });
  const ending = new AbortController();
  const given = connectNats({ url, token, patienceMs: 20_000, signal: ending.signal });
  ending.abort(new Error("no more"));
  assert.is((await rejection(given)).message, "no more");
  const second = await startNatsServer({ directory });
  await (await late).close();
  const begun = performance.now();
  const wrong = await rejection(connectNats({ url, token: "guess", patienceMs: 20_000 }));
  assert.is(wrong.code, "bus-connect");
  assert.ok(performance.now() - begun < 15_000, "a token that is refused is not tried again");
  await second.stop();
});

server("a missing program and a port in use are named with their mend", async ({ directory }) => {
  const missing = await rejection(startNatsServer({ directory, binary: "no-such-nats" }));
  assert.is(missing.code, "nats-server-missing");
  assert.match(missing.message, /install/);
  const squatter = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => squatter.once("listening", resolve));
  const address = squatter.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  await writeFile(join(directory, "bus.json"), JSON.stringify({ port, token: "a".repeat(64) }));
  const busy = await rejection(startNatsServer({ directory }));
  assert.is(busy.code, "nats-port-in-use");
  assert.match(busy.message, /delete/);
  squatter.close();
});

server("a server that dies alone comes back, and the bus with it", async ({ directory }) => {
  const nats = await startNatsServer({ directory });
  const bus = await connectNats({ url: nats.url, token: nats.token });
  bus.serve(subject, async (payload) => payload);
  await bus.flush();
  process.kill(-nats.pid, "SIGKILL");
  assert.is(await bus.request(subject, 1, { timeoutMs: 500, attemptsMax: 20 }), 1);
  await bus.close();
  await nats.stop();
});

/** The processes of the server in `directory`: the shell that guards it, its leash, itself. */
function processesIn(directory: string): readonly FoundProcess[] {
  return processesWith(join(directory, "nats.conf"));
}

const isServer = ({ line }: FoundProcess): boolean => line.startsWith("nats-server");

server("a guard that is killed takes its server along, and both come back", async (context) => {
  const { directory } = context;
  const nats = await startNatsServer({ directory });
  const bus = await connectNats({ url: nats.url, token: nats.token });
  bus.serve(subject, async (payload) => payload);
  await bus.flush();
  const before = processesIn(directory);
  for (const one of before) if (!isServer(one)) process.kill(one.pid, "SIGKILL");
  for (let turn = 0; turn < 200 && processesIn(directory).some(isOf(before)); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(processesIn(directory).filter(isOf(before)), [], "the old ones are gone");
  assert.is(await bus.request(subject, 1, { timeoutMs: 500, attemptsMax: 20 }), 1);
  await bus.close();
  await nats.stop();
  assert.equal(processesIn(directory), []);
});

const isOf = (known: readonly FoundProcess[]) => (found: FoundProcess) =>
  known.some(({ pid }) => pid === found.pid);

server("a server that outlived its guard and its head is ended by the next", async (context) => {
  const { directory } = context;
  const first = await startNatsServer({ directory });
  await first.stop();
  const stray = spawn("nats-server", ["-c", join(directory, "nats.conf")], { stdio: "ignore" });
  const gone = once(stray, "exit");
  while (!(await listens(first.url))) await new Promise((resolve) => setTimeout(resolve, 20));
  const second = await startNatsServer({ directory });
  assert.equal(await gone, [null, "SIGKILL"]);
  assert.ok(await answersOn(second));
  await second.stop();
});

/** A process that starts the server of `directory` and says what becomes of it, line by line. */
function parentOf(directory: string) {
  const script = `
    import { startNatsServer } from "./runtime/index.ts";
    const onFailed = ({ message }) => console.log(message);
    const nats = await startNatsServer({ directory: ${JSON.stringify(directory)}, onFailed });
    console.log(nats.url);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
  return { parent, line: async () => String((await lines.next()).value) };
}

server("the server dies with a parent that is killed", async ({ directory }) => {
  const { parent, line } = parentOf(directory);
  const url = await line();
  assert.is(await listens(url), true);
  parent.kill("SIGKILL");
  let alive = true;
  for (let turn = 0; alive && turn < 100; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    alive = await listens(url);
  }
  assert.is(alive, false);
});

server("a parent that stood still leaves the bus to who has taken it over", async (context) => {
  const { directory } = context;
  const { parent, line } = parentOf(directory);
  const url = await line();
  parent.kill("SIGSTOP");
  const second = await startNatsServer({ directory });
  assert.is(second.url, url);
  const note = await readFile(join(directory, "nats.pid"), "utf8");
  parent.kill("SIGCONT");
  assert.match(await line(), /another head has taken this run over/);
  assert.ok(await answersOn(second));
  assert.is(await readFile(join(directory, "nats.pid"), "utf8"), note);
  parent.kill("SIGKILL");
  await second.stop();
});

server.run();
