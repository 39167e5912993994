// The runner's frames as hostile input, and what a runner does with a transport that misbehaves.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultLimits } from "../../sandbox/index.ts";
import { Runner, type RunnerTransport } from "../../sandbox/runner/index.ts";

const test = suite("runner frames");

function frame(header: unknown, ...bodies: Uint8Array[]): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, ...bodies]);
}

const hello = frame({ hello: 1, python: "3", cv2: "4", numpy: "1" });
const reply = {
  nonce: "n",
  cause: "ok",
  signal: 0,
  exitCode: 0,
  stdout: 0,
  stderr: 0,
  stdoutBytes: 0,
  stderrBytes: 0,
  image: -1,
  wallMs: 1,
  cpuMs: 1,
  memoryPeakBytes: 1,
};

/** A transport that says the given bytes after the request, then ends. */
function transportOf(answer: (nonce: string) => Uint8Array) {
  let wake = (_: Uint8Array) => {};
  const asked = new Promise<Uint8Array>((resolve) => {
    wake = resolve;
  });
  const state = { destroyed: 0 };
  const transport: RunnerTransport = {
    name: "fixture",
    output: (async function* () {
      yield hello;
      const request = Buffer.from(await asked);
      const header = JSON.parse(request.subarray(4, 4 + request.readUInt32BE(0)).toString());
      yield answer(header.nonce);
    })(),
    write: async (bytes) => wake(bytes),
    wasOutOfMemory: async () => false,
    isRunning: async () => true,
    lastWords: () => "its last words",
    destroy: async () => {
      state.destroyed += 1;
    },
  };
  return { transport, state };
}

async function callOn(answer: (nonce: string) => Uint8Array) {
  const { transport, state } = transportOf(answer);
  const runner = new Runner(transport);
  await runner.greet();
  const outcome = await runner
    .call(Buffer.from("pass"), Buffer.from("image"), defaultLimits)
    .catch((error) => error);
  return { outcome, state, runner };
}

test("a reply with its bodies is read whole", async () => {
  const { outcome, runner } = await callOn((nonce) =>
    frame({ ...reply, nonce, stdout: 2, stderr: 1, image: 3 }, Buffer.from("oOe" + "img")),
  );
  assert.is(outcome.stdout.toString(), "oO");
  assert.is(outcome.stderr.toString(), "e");
  assert.is(outcome.image.toString(), "img");
  assert.not(runner.lost);
});

test("anything but the asked-for reply loses the runner, with its last words", async () => {
  const answers: Readonly<Record<string, (nonce: string) => Uint8Array>> = {
    "another nonce": () => frame(reply),
    "another kind": () => frame({ ready: 1 }),
    "an unknown cause": (nonce) => frame({ ...reply, nonce, cause: "fine" }),
    "a giant header": () => Buffer.from([0xff, 0xff, 0xff, 0xff]),
    "a giant body": (nonce) => frame({ ...reply, nonce, image: 2 ** 40 }),
    "no JSON": () => frame("{"),
    "half a frame": (nonce) => frame({ ...reply, nonce, stdout: 5 }, Buffer.from("ab")),
    "the end": () => Buffer.alloc(0),
  };
  for (const [name, answer] of Object.entries(answers)) {
    const { outcome, state, runner } = await callOn(answer);
    assert.is(outcome.code, "sandbox/runner-lost", name);
    assert.ok(runner.lost && state.destroyed > 0, name);
    if (name !== "another nonce") assert.match(outcome.message, "its last words");
  }
});

test.run();
