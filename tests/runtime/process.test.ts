// Child processes: leash, causes of death, supervision; and the registry of workers.
import { spawn } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Bus,
  classOfRole,
  differenceOf,
  instructionSetOf,
  joinRegistry,
  leashExitCode,
  listWorkers,
  MemoryBroker,
  numericClassOf,
  type RegistryOptions,
  serveRegistry,
  spawnWorker,
  supervise,
  type WorkerChange,
  type WorkerInfo,
  workerGoneMs,
} from "../../runtime/index.ts";
import { rejection } from "./host-world.ts";

const node = process.execPath;
const env = { PATH: process.env["PATH"] };
const script = (text: string): readonly string[] => [
  "--import",
  "tsx",
  "--input-type=module",
  "-e",
  text,
];
const plain = (text: string): readonly string[] => ["-e", text];

const holding = `
  import { holdLeash } from "./runtime/process/leash.ts";
  const { signal } = holdLeash(process.env);
  console.log("ready " + process.pid);
  const work = setInterval(() => {}, 1000);`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 400; turn++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited in vain: ${what}`);
}

const processes = suite("worker processes");

processes("a child ends in order when the leash is let go", async () => {
  const text = `${holding} signal.addEventListener("abort", () => { clearInterval(work); });`;
  const lines: string[] = [];
  const worker = await spawnWorker({
    ...{ role: "toy", command: node, args: script(text), env },
    onLine: (line) => lines.push(line),
  });
  await until(() => lines.length > 0, "the child starts");
  const death = await worker.stop();
  assert.is(death.exitCode, 0);
  assert.is(death.signal, null);
  assert.equal(death.lastLines, [`ready ${worker.pid}`]);
  assert.is(isAlive(worker.pid), false);
});

processes("a child whose parent is killed ends by itself", async () => {
  const text = `
    import { spawnWorker } from "./runtime/process/worker-process.ts";
    const text = ${JSON.stringify(`${holding} signal.addEventListener("abort", () => process.exit(0));`)};
    await spawnWorker({
      role: "toy", command: process.execPath, env: process.env,
      args: ["--import", "tsx", "--input-type=module", "-e", text],
      onLine: (line) => console.log(line),
    });`;
  const parent = spawn(node, [...script(text)], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise<string>((resolve) =>
    parent.stdout.once("data", (data) => resolve(String(data).trim())),
  );
  const pid = Number(line.replace("ready ", ""));
  assert.is(isAlive(pid), true);
  parent.kill("SIGKILL");
  await until(() => !isAlive(pid), "the child ends");
});

processes("a cause of death names signal, exit code and last lines", async () => {
  const killed = await spawnWorker({
    ...{ role: "toy", command: node, env },
    args: plain(
      'console.error("so long"); setTimeout(() => process.kill(process.pid, "SIGSEGV"), 20)',
    ),
  });
  const death = await killed.died;
  assert.is(death.signal, "SIGSEGV");
  assert.is(death.exitCode, null);
  assert.equal(death.lastLines, ["so long"]);
  const failed = await spawnWorker({
    ...{ role: "toy", command: node, env },
    args: plain("for (let i = 0; i < 80; i++) console.log(i); process.exitCode = 3"),
  });
  const end = await failed.died;
  assert.is(end.exitCode, 3);
  assert.equal([end.lastLines.length, end.lastLines[0], end.lastLines.at(-1)], [50, "30", "79"]);
});

processes("a program that is not there is named", async () => {
  const error = await rejection(
    spawnWorker({ role: "toy", command: "no-such-program", args: [], env }),
  );
  assert.is(error.code, "spawn-failed");
  assert.match(error.message, /no-such-program/);
});

processes("a worker that dies is started again, and parked when it keeps dying", async () => {
  const changes: WorkerChange[] = [];
  const waits: number[] = [];
  const supervised = supervise("toy", {
    spawn: () => spawnWorker({ role: "toy", command: node, args: plain("process.exit(9)"), env }),
    onChange: (change) => changes.push(change),
    sleep: async (ms) => void waits.push(ms),
  });
  const error = await rejection(supervised.ended);
  assert.is(error.code, "crash-loop");
  assert.match(error.message, /died 5 times.*exit code 9/);
  assert.equal(waits, [100, 200, 400, 800]);
  assert.equal(
    changes.map(({ kind }) => kind),
    [...Array(5).fill(["started", "died"]).flat(), "parked"],
  );
});

processes("a supervised worker that is stopped stays stopped", async () => {
  const changes: WorkerChange[] = [];
  const text = `${holding} signal.addEventListener("abort", () => process.exit(${leashExitCode}));`;
  let lines = 0;
  const supervised = supervise("toy", {
    spawn: () =>
      spawnWorker({
        ...{ role: "toy", command: node, args: script(text), env },
        onLine: () => void lines++,
      }),
    onChange: (change) => changes.push(change),
  });
  await until(() => lines > 0, "the child starts");
  await supervised.stop();
  await supervised.ended;
  assert.is(supervised.current, null);
  assert.equal(
    changes.map(({ kind }) => kind),
    ["started"],
  );
});

processes.run();

const address = { cluster: "test", run: "r" };
const numericClass = { code: "c1", onnxruntime: "1", device: "cpu-x64-avx2", sandbox: "s" };
const info: WorkerInfo = {
  id: "w1",
  address: "w1_a",
  role: "rollout",
  pid: 1,
  host: "h",
  numericClass,
};

const registry = suite<{ head: Bus; worker: Bus; stop: AbortController }>("registry");

registry.before.each((context) => {
  const broker = new MemoryBroker();
  context.head = broker.connect();
  context.worker = broker.connect();
  context.stop = new AbortController();
});
registry.after.each(async ({ head, worker, stop }) => {
  stop.abort(new Error("over"));
  await Promise.all([head.close(), worker.close()]);
});

const exact = (options: Partial<RegistryOptions> = {}): RegistryOptions => ({
  numericClass,
  determinism: "exact",
  ...options,
});

registry("a worker of the run's class is listed until it leaves", async (context) => {
  const { head, worker, stop } = context;
  const served = serveRegistry(head, address, exact());
  const membership = await joinRegistry(worker, address, info, stop.signal);
  const [entry] = await listWorkers(worker, address);
  assert.equal([entry?.id, entry?.role, entry?.state], ["w1", "rollout", "alive"]);
  await membership.leave();
  assert.equal(
    served.list().map(({ state }) => state),
    ["gone"],
  );
  await served.close();
});

registry("a worker of another class is refused, and told how they differ", async (context) => {
  const { head, worker, stop } = context;
  const served = serveRegistry(head, address, exact());
  const other = {
    ...info,
    numericClass: { ...numericClass, device: "cpu-x64-avx512", code: "c2" },
  };
  const error = await rejection(joinRegistry(worker, address, other, stop.signal));
  assert.is(error.code, "worker-refused");
  assert.match(error.message, /code: c2, not c1; device: cpu-x64-avx512, not cpu-x64-avx2/);
  assert.equal(served.list(), []);
  await served.close();
  const tolerant = serveRegistry(head, address, exact({ determinism: "tolerance" }));
  const membership = await joinRegistry(worker, address, other, stop.signal);
  await membership.leave();
  await tolerant.close();
});

registry("each role has to be of the class that the run has for it", async (context) => {
  const { head, worker, stop } = context;
  const gpu = { ...numericClass, device: "cuda NVIDIA H200, driver 570" };
  const run = { ...numericClass, learner: gpu.device };
  const served = serveRegistry(head, address, exact({ numericClass: run }));
  const join = (role: string, own: typeof gpu) =>
    joinRegistry(worker, address, { ...info, id: role, role, numericClass: own }, stop.signal);
  const members = [await join("rollout", numericClass), await join("learner", gpu)];
  assert.is(served.list().length, 2);
  assert.is((await rejection(join("rollout", gpu))).code, "worker-refused");
  const refused = await rejection(join("learner", numericClass));
  assert.match(refused.message, /device: cpu-x64-avx2, not cuda NVIDIA H200, driver 570/);
  for (const member of members) await member.leave();
  await served.close();
});

registry("without a class of the run, the first worker's becomes it", async (context) => {
  const { head, worker, stop } = context;
  const served = serveRegistry(head, address, exact({ numericClass: null }));
  const membership = await joinRegistry(worker, address, info, stop.signal);
  const other = { ...info, id: "w2", numericClass: { ...numericClass, sandbox: "t" } };
  assert.is(
    (await rejection(joinRegistry(worker, address, other, stop.signal))).code,
    "worker-refused",
  );
  await membership.leave();
  await served.close();
});

registry("a restarted head hears of its workers again by itself", async (context) => {
  const { head, worker, stop } = context;
  const first = serveRegistry(head, address, exact());
  const membership = await joinRegistry(worker, address, info, stop.signal);
  await first.close();
  const second = serveRegistry(head, address, exact());
  await until(() => second.list().length === 1, "the worker registers again");
  await membership.leave();
  await second.close();
});

registry(
  "a silent worker is gone after the named time, a head that stood still gives nobody up",
  async (context) => {
    const { head, worker } = context;
    let now = 0;
    const gone: string[] = [];
    const served = serveRegistry(
      head,
      address,
      exact({ now: () => now, onGone: ({ id }) => gone.push(id) }),
    );
    const subject = "varft.test.r.registry.register";
    await worker.request(subject, info);
    now += workerGoneMs + 10; // one jump: the head stood still
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    assert.equal(gone, []);
    now += 1_000;
    await until(() => gone.length === 1, "the worker is given up");
    assert.equal(
      served.list().map(({ state }) => state),
      ["gone"],
    );
    await served.close();
  },
);

registry(
  "a name is the process's that registered last: the one before is told",
  async (context) => {
    const { head, worker, stop } = context;
    const registered: string[] = [];
    const gone: string[] = [];
    const served = serveRegistry(
      head,
      address,
      exact({
        onRegistered: (entry) => registered.push(entry.address),
        onGone: (entry) => gone.push(entry.address),
      }),
    );
    const first = await joinRegistry(worker, address, info, stop.signal);
    const second = await joinRegistry(worker, address, { ...info, address: "w1_b" }, stop.signal);
    const error = await rejection(first.ended);
    assert.is(error.code, "worker-replaced");
    assert.match(error.message, /another process has registered as w1.*two names \(--id\)/);
    await first.leave();
    assert.equal([registered, gone], [["w1_a", "w1_b"], []], "who was replaced takes nobody along");
    await second.leave();
    assert.equal(gone, ["w1_b"]);
    await served.close();
  },
);

registry("a malformed registration is refused", async ({ head, worker }) => {
  const served = serveRegistry(head, address, exact());
  const subject = "varft.test.r.registry.register";
  assert.is((await rejection(worker.request(subject, { id: 1 }))).code, "registry-request");
  await served.close();
});

registry.run();

const classes = suite("numeric class");

classes("is the same for two calls and names each part", async () => {
  const options = { sandbox: "sha256:1", accelerator: null };
  const one = await numericClassOf(options);
  assert.equal(await numericClassOf(options), one);
  assert.match(one.code, /^[0-9a-f]{16} on V8 \d+\.\d+$/);
  assert.match(one.onnxruntime, /^\d+\.\d+/);
  assert.match(one.device, /^cpu-/);
  assert.is(differenceOf(one, one), null);
  const gpu = await numericClassOf({ ...options, accelerator: "NVIDIA H200" });
  assert.match(differenceOf(gpu, one) ?? "", /^device: NVIDIA H200, not cpu-/);
});

classes("a learner on another device than the rollouts is told apart", async () => {
  const options = { sandbox: "sha256:1", accelerator: null };
  const plain = await numericClassOf(options);
  assert.equal(await numericClassOf({ ...options, learner: null }), plain, "no other device");
  const mixed = await numericClassOf({ ...options, learner: "cuda NVIDIA H200" });
  assert.equal(mixed, { ...plain, learner: "cuda NVIDIA H200" });
  assert.is(differenceOf(mixed, plain), "learner: cuda NVIDIA H200, not as the rollouts");
  assert.equal(classOfRole(mixed, "rollout"), plain);
  assert.equal(classOfRole(mixed, "learner"), { ...plain, device: "cuda NVIDIA H200" });
  assert.equal(classOfRole(plain, "learner"), plain);
});

classes("the instruction set follows the flags that the kernels ask for", () => {
  const set = (...flags: string[]) => instructionSetOf(new Set(flags));
  assert.is(set("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"), "avx512");
  assert.is(set("avx512f", "avx2", "fma"), "avx512f");
  assert.is(set("avx", "avx2", "fma"), "avx2");
  assert.is(set("avx", "avx2"), "avx");
  assert.is(set("sse2"), "base");
});

classes.run();
