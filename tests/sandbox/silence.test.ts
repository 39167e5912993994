// Runners that do not answer: when that is the program's own doing, and when it is its host's. The
// runners here speak the frames of `image/runner.py` and say nothing when they are told to; a real
// one in a real container is in `docker-silence.test.ts`.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ExecutionResult, SandboxUnavailableError } from "../../sandbox/index.ts";
import { Runner, RunnerPool, type RunnerTransport } from "../../sandbox/runner/index.ts";

const test = suite("silent runners");
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const watchdogMs = 30;
const limits = { wallMsMax: 1 };

function frame(header: object): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}

const replyTo = (nonce: string) => ({
  ...{ nonce, cause: "no-image", signal: 0, exitCode: 0, image: -1 },
  ...{ stdout: 0, stderr: 0, stdoutBytes: 0, stderrBytes: 0 },
  ...{ wallMs: 1, cpuMs: 1, memoryPeakBytes: 1 },
});

/** What a runner does with a program, what its engine says of it meanwhile, whether it takes it. */
interface Behaviour {
  readonly onCall: "answers" | "silent" | "dies" | "answers-late" | "answers-once";
  readonly isRunning?: boolean;
  readonly isDeaf?: boolean;
}

class ScriptedTransport implements RunnerTransport {
  readonly name: string;
  readonly #behaviour: Behaviour;
  readonly #said: Buffer[] = [frame({ hello: 1, python: "3", cv2: "4", numpy: "1" })];
  calls = 0;
  #isEnded = false;
  #wake = (): void => {};

  constructor(name: string, behaviour: Behaviour) {
    this.name = name;
    this.#behaviour = behaviour;
  }

  get output(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    while (!this.#isEnded) {
      const bytes = this.#said.shift();
      if (bytes !== undefined) yield bytes;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const request = Buffer.from(bytes);
    const header = JSON.parse(request.subarray(4, 4 + request.readUInt32BE(0)).toString());
    if ("ping" in header) return this.#say({ pong: 1 });
    const { onCall, isDeaf = false } = this.#behaviour;
    while (isDeaf && !this.#isEnded) await wait(1);
    if (isDeaf) throw new Error("the stream was destroyed");
    this.calls += 1;
    if (onCall === "dies") await this.destroy();
    const answer = () => this.#say(replyTo(header.nonce), { ready: 1 });
    if (onCall === "answers" || (onCall === "answers-once" && this.calls === 1)) answer();
    if (onCall === "answers-late") setTimeout(answer, watchdogMs + 20);
  }

  #say(...headers: object[]): void {
    this.#said.push(...headers.map(frame));
    this.#wake();
  }

  async wasOutOfMemory(): Promise<boolean> {
    return false;
  }

  async isRunning(): Promise<boolean> {
    await wait(40);
    return this.#behaviour.isRunning ?? true;
  }

  lastWords(): string {
    return "";
  }

  async destroy(): Promise<void> {
    this.#isEnded = true;
    this.#wake();
  }
}

/** A pool whose n-th runner behaves as the n-th of `behaviours`, and those after as the last. */
function poolOf(size: number, behaviours: readonly Behaviour[]) {
  const lost: string[] = [];
  const transports: ScriptedTransport[] = [];
  const pool = new RunnerPool({
    digest: "sha256:none",
    size,
    open: async () => {
      const behaviour = behaviours[transports.length] ?? behaviours.at(-1);
      assert.ok(behaviour !== undefined);
      const transport = new ScriptedTransport(`${transports.length + 1}`, behaviour);
      transports.push(transport);
      const runner = new Runner(transport, watchdogMs);
      await runner.greet();
      return runner;
    },
    onNotice: (notice) => {
      if (notice.kind === "lost") lost.push(`${notice.container} ${notice.cause}`);
    },
  });
  const execute = () => pool.execute({ program: "", image: new Uint8Array(1), limits });
  return { pool, execute, lost, transports };
}

const seen = ({ cause, observed }: ExecutionResult) => [cause, observed.attempts];

test("silence under two runners is the program's timeout", async () => {
  const { pool, execute, lost } = poolOf(1, [{ onCall: "silent" }]);
  const { observed, ...result } = await execute();
  assert.equal(result, { cause: "timeout", stdout: "", stderr: "", image: null });
  assert.is(observed.attempts, 2);
  const silent = (name: string) => `${name} ${name} said nothing for ${watchdogMs + 1} ms`;
  assert.equal(lost, [silent("1"), silent("2")]);
  await pool.close();
});

test("one silence is none: the program's own end is what counts", async () => {
  const { pool, execute } = poolOf(1, [{ onCall: "silent" }, { onCall: "answers" }]);
  assert.equal(seen(await execute()), ["no-image", 2]);
  await pool.close();
});

test("a container that does not run, or of which nobody knows, is never the program's", async () => {
  const { pool, execute } = poolOf(1, [{ onCall: "silent", isRunning: false }]);
  assert.instance(await execute().catch((error) => error), SandboxUnavailableError);
  await pool.close();
});

test("a runner that dies is never the program's, however often", async () => {
  const { pool, execute } = poolOf(1, [{ onCall: "dies" }]);
  assert.instance(await execute().catch((error) => error), SandboxUnavailableError);
  await pool.close();
});

test("a silence while another container was lost does not count", async () => {
  const { pool, execute, transports } = poolOf(2, [{ onCall: "silent" }]);
  await pool.warm(2);
  const call = execute();
  await wait(10);
  for (const transport of transports) if (transport.calls === 0) await transport.destroy();
  assert.equal(seen(await call), ["timeout", 3]);
  await pool.close();
});

test("a suspect is run again where no other program ran", async () => {
  const once = { onCall: "answers-once" } as const;
  const { pool, execute } = poolOf(2, [once, once, { onCall: "answers" }]);
  await Promise.all([execute(), execute()]);
  assert.is(pool.state().alive, 2);
  assert.equal(seen(await execute()), ["no-image", 2]);
  await pool.close();
});

test("an answer that comes while the engine is asked is taken, and its runner stays", async () => {
  const { pool, execute, lost, transports } = poolOf(1, [{ onCall: "answers-late" }]);
  assert.equal(seen(await execute()), ["no-image", 1]);
  await wait(60);
  assert.equal(seen(await execute()), ["no-image", 1]);
  assert.equal([lost, transports.length], [[], 1]);
  await pool.close();
});

test("a program that its runner never took says nothing", async () => {
  const { pool, execute } = poolOf(1, [{ onCall: "silent", isDeaf: true }]);
  assert.instance(await execute().catch((error) => error), SandboxUnavailableError);
  await pool.close();
});

test("a silence that this process slept through does not count", async () => {
  const { pool, execute } = poolOf(1, [{ onCall: "silent" }]);
  const call = execute();
  await wait(10);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_100);
  assert.equal(seen(await call), ["timeout", 3]);
  await pool.close();
});

test.run();
