// Goal: a turn that a server sampled is a turn of the planned policy over the planned context, or
// an error that says which and what to do. Nothing else is ever recorded.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  initialPolicy,
  openLearnerPolicy,
  openRolloutPolicy,
  type RolloutPolicy,
  type TurnRequest,
} from "../../actors/index.ts";
import { ImageLinks, openServer, serverEngine, turnAsker } from "../../actors/rollout/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type HashName, hashName, RandomStream, VarftError } from "../../events/index.ts";
import { decodeImage, decodeSafetensors, encodeSafetensors } from "../../model/index.ts";
import { environment, miniSource } from "../../tasks/index.ts";
import { type EngineModel, openEngineModel } from "./engine-policy.ts";
import {
  type EngineServerSettings,
  type Fault,
  servedName,
  TestEngineServer,
} from "./engine-server.ts";
import { engineConfig } from "./engine-world.ts";

const test = suite("an engine at a server");
const temperature = 0.8;
const sampling = { temperature, greedy: false, tools: true };

let model: EngineModel;
let directory = "";
const blobs = new Map<HashName, Uint8Array>();
const readBlob = async (name: HashName) => blobs.get(name) ?? null;
const policies: { readonly name: HashName; readonly bytes: Uint8Array }[] = [];

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varft-engine-"));
  model = await openEngineModel("models/tiny", 4, 8);
  const { policy } = await initialPolicy(engineConfig({ url: "http://unused", directory }));
  for (const seed of [1, 2, 3]) {
    // Adapters that change what the model says: a fresh one changes nothing.
    const tensors = decodeSafetensors(policy, "the initial policy");
    const random = new RandomStream("engine-test", seed);
    for (const { data } of tensors.values()) {
      for (const [index, value] of data.entries()) data[index] = value + 0.05 * random.normal();
    }
    const bytes = encodeSafetensors(tensors, "F32");
    policies.push({ name: hashName(bytes), bytes });
  }
  for (const { task, image } of await miniSource(1).evaluation("singles", 3)) {
    if (task.image !== null && image !== null) blobs.set(task.image, image);
  }
});
test.after(async () => {
  await model.close();
  await rm(directory, { recursive: true, force: true });
});

type Settings = Partial<Omit<EngineServerSettings, "model">>;
interface Opened {
  readonly server: TestEngineServer;
  readonly rollout: RolloutPolicy;
  readonly config: RunConfig;
}

/** A server and a sampler that drives it, for as long as `use` takes. */
async function using<T>(settings: Settings, use: (opened: Opened) => Promise<T>): Promise<T> {
  const server = new TestEngineServer({ server: "vllm", ...settings, model });
  const url = await server.open();
  const kind = settings.server ?? "vllm";
  const config = engineConfig({ url, directory, server: kind, attemptsMax: 2 });
  try {
    const rollout = await openRolloutPolicy(config, readBlob);
    try {
      return await use({ server, rollout, config });
    } finally {
      await rollout.close();
    }
  } finally {
    await server.close();
  }
}

/** A prompt with an image, and one that goes on with a second image. */
async function requestsOf({ encoder }: RolloutPolicy): Promise<TurnRequest[]> {
  const tasks = await miniSource(1).evaluation("singles", 3);
  const prompts = await Promise.all(
    tasks.map(({ task }) => encoder.prompt(environment.prompt(task))),
  );
  const [first, second] = prompts;
  if (first === undefined || second === undefined) throw new Error("there are tasks");
  const both = { ids: Int32Array.from([...first.ids, ...second.ids]) };
  const contexts = [...prompts, { ...both, images: [...first.images, ...second.images] }];
  return contexts.map((context, seed) => ({ ...context, uniforms: new Float32Array(20), seed }));
}

const policyAt = (index: number) => {
  const policy = policies[index];
  if (policy === undefined) throw new Error("the policies were made");
  return policy;
};

/** The error of a call that must fail. */
async function failure(call: Promise<unknown>): Promise<VarftError> {
  try {
    await call;
  } catch (thrown) {
    if (thrown instanceof VarftError) return thrown;
    throw thrown;
  }
  throw new Error("it was to fail");
}

for (const kind of ["vllm", "sglang"] as const) {
  test(`${kind}: what is sampled has the learner's log-probs, images and adapter included`, () =>
    using({ server: kind }, async ({ rollout, config }) => {
      const { name, bytes } = policyAt(0);
      assert.is(await rollout.sampler.load(name, bytes), name);
      const requests = await requestsOf(rollout);
      const turns = await rollout.sampler.sample(requests, sampling);
      const learner = await openLearnerPolicy(config, readBlob);
      try {
        const samples = turns.map(({ ids: said, logProbs }, index) => {
          const { ids, images } = requests[index] as TurnRequest;
          const all = Int32Array.from([...ids, ...said]);
          const mask = new Uint8Array(all.length).fill(1, ids.length);
          return { ids: all, images, mask, sampler: logProbs };
        });
        const { trainer } = learner;
        const old = await trainer.logProbs(trainer.decodePolicy(bytes), samples, temperature);
        const others = trainer.decodePolicy(policyAt(1).bytes);
        const other = await trainer.logProbs(others, samples, temperature);
        const largest = (rows: readonly Float32Array[]) =>
          Math.max(...rows.map((row, at) => difference(row, samples[at]?.sampler)));
        assert.ok(largest(old) <= 1e-4, `${largest(old)}`);
        assert.ok(largest(other) > 1e-2, "another adapter would have been seen");
      } finally {
        await learner.close();
      }
      const again = await rollout.sampler.sample(requests, sampling);
      assert.equal(
        again.map(({ ids }) => ids),
        turns.map(({ ids }) => ids),
        "a seed repeats its turn",
      );
    }));

  test(`${kind}: two adapters are held, older ones leave server and disk`, () =>
    using({ server: kind }, async ({ rollout, server }) => {
      for (const { name, bytes } of policies) await rollout.sampler.load(name, bytes);
      const [, ...kept] = policies.map(({ name }) => name.replace("sha256:", "varft-"));
      assert.equal([...server.adapters].sort(), [...kept].sort());
      assert.equal((await readdir(join(directory, "adapters"))).sort(), [...kept].sort());
      await rollout.close();
      assert.equal(server.adapters, []);
      assert.equal(await readdir(join(directory, "adapters")), []);
    }));

  test(`${kind}: a server that was started again gets its adapter again`, () =>
    using({ server: kind }, async ({ rollout, server }) => {
      const { name, bytes } = policyAt(0);
      await rollout.sampler.load(name, bytes);
      server.forget();
      const requests = await requestsOf(rollout);
      assert.is((await rollout.sampler.sample(requests, sampling)).length, requests.length);
      assert.is(server.adapters.length, 1);
    }));
}

test("an adapter that stands there with other bytes is written anew before it is loaded", () =>
  using({}, async ({ rollout, server }) => {
    const [first, second] = [policyAt(0), policyAt(1)];
    await rollout.sampler.load(first.name, first.bytes);
    const folder = join(directory, "adapters", first.name.replace("sha256:", "varft-"));
    await writeFile(join(folder, "adapter_model.safetensors"), second.bytes);
    server.forget();
    assert.is(await rollout.sampler.load(first.name, first.bytes), first.name);
  }));

test("a model without an adapter is asked in the same way", () =>
  using({}, async ({ rollout, config }) => {
    const engine = serverEngine(config);
    if (engine === null) throw new Error("the configuration names a server");
    const { server } = await openServer(engine, 256, undefined, new AbortController().signal);
    try {
      const ask = turnAsker({
        server,
        images: new ImageLinks(async (name) => decodeImage(blobs.get(name) ?? new Uint8Array())),
        imageId: 707,
        stopIds: [703],
        bannedIds: [707],
        vocabularySize: model.vocabularySize,
      });
      const [request] = await requestsOf(rollout);
      const greedy = await ask(request as TurnRequest, servedName, 0);
      assert.is(greedy.ids.at(-1), 703);
      assert.equal((await ask(request as TurnRequest, servedName, 0)).ids, greedy.ids);
      const unknown = await failure(ask(request as TurnRequest, "other", 0));
      assert.match(unknown.message, /`other` does not exist.*rollout\.engine\.model/);
    } finally {
      server.close();
    }
  }));

test("a policy under another policy's name is not loaded", () =>
  using({}, async ({ rollout, server }) => {
    const error = await failure(rollout.sampler.load(policyAt(0).name, policyAt(1).bytes));
    assert.is(error.policy, "terminal");
    assert.match(error.message, /not the planned policy/);
    assert.equal(server.adapters, []);
  }));

const refusals: readonly (readonly [string, Settings, RegExp])[] = [
  ["raw log-probs", { samplersLogProbs: false }, /--logprobs-mode processed_logprobs/],
  ["no generate route", { scaleOut: false }, /start it with --enable-scale-out/],
  ["a short context", { contextTokensMax: 64 }, /at most 64 tokens/],
  ["a key", { apiKey: "secret" }, /name the API key|is this the server/],
];
for (const [what, settings, words] of refusals) {
  test(`a server with ${what} is refused when it is opened`, async () => {
    const error = await failure(using(settings, async () => {}));
    assert.is(error.policy, "terminal");
    assert.match(error.message, words);
    assert.match(error.message, /^(?:POST|GET|http|the server)/);
  });
}

const unloadable: readonly (readonly [string, Settings, RegExp])[] = [
  ["without adapter calls", { adapters: false }, /VLLM_ALLOW_RUNTIME_LORA_UPDATING/],
  ["with a smaller rank", { rankMax: 2 }, /rank 4 is greater.*--max-lora-rank/s],
];
for (const [what, settings, words] of unloadable) {
  test(`a server ${what} does not get a policy`, () =>
    using(settings, async ({ rollout }) => {
      const error = await failure(rollout.sampler.load(policyAt(0).name, policyAt(0).bytes));
      assert.is(error.code, "engine-adapter");
      assert.is(error.policy, "terminal");
      assert.match(error.message, words);
    }));
}

const generates = (path: string) => path === "/inference/v1/generate";
type Choice = { readonly token_ids: number[]; readonly logprobs: { readonly content: unknown[] } };
const editChoice = (change: (choice: Choice) => object): Fault => ({
  kind: "edit",
  edit: (json) => ({
    ...json,
    choices: [
      {
        ...(json["choices"] as object[])[0],
        ...change((json["choices"] as Choice[])[0] as Choice),
      },
    ],
  }),
});

/** A fault of every answer to a question, what it is, and what it says. */
const faults: readonly (readonly [string, Fault, "retryable" | "terminal", RegExp])[] = [
  ["cuts its answer off", { kind: "cut" }, "retryable", /was cut off/],
  ["answers no JSON", { kind: "text", text: "<html>" }, "retryable", /is no JSON/],
  ["is overloaded", status(429, "slow down"), "retryable", /status 429 \(slow down\)/],
  ["has lost its engine", status(500, "EngineDeadError"), "retryable", /status 500/],
  ["wants a shorter context", status(400, "maximum model length"), "terminal", /max-model-len/],
  ["answers in another form", { kind: "edit", edit: () => ({}) }, "terminal", /another form/],
  ["returns no ids", editChoice(() => ({ token_ids: null })), "terminal", /another form/],
  [
    "returns fewer log-probs than ids",
    editChoice(({ logprobs }) => ({ logprobs: { content: logprobs.content.slice(1) } })),
    "terminal",
    /log-probs for \d+ token ids/,
  ],
  [
    "returns an id beyond the vocabulary",
    editChoice(({ token_ids: ids }) => ({ token_ids: [99_999, ...ids.slice(1)] })),
    "terminal",
    /beyond the vocabulary/,
  ],
  [
    "returns a banned id",
    editChoice(({ token_ids: ids }) => ({ token_ids: [707, ...ids.slice(1)] })),
    "terminal",
    /707 came back though it was banned/,
  ],
  [
    "read another context",
    { kind: "edit", edit: (json) => ({ ...json, prompt_token_ids: [1, 2] }) },
    "terminal",
    /read another context/,
  ],
  [
    "stops early",
    editChoice(() => ({ finish_reason: "length" })),
    "terminal",
    /was cut off after|of \d+ tokens/,
  ],
];
function status(code: number, message: string): Fault {
  return { kind: "status", status: code, body: JSON.stringify({ error: { message } }) };
}

for (const [what, fault, policy, words] of faults) {
  test(`a server that ${what} gives no turn, and a ${policy} error`, () =>
    using({}, async ({ rollout, server }) => {
      await rollout.sampler.load(policyAt(0).name, policyAt(0).bytes);
      const [request] = await requestsOf(rollout);
      const asked = server.requests.length;
      server.fault = (path) => (generates(path) ? fault : null);
      const error = await failure(rollout.sampler.sample([request as TurnRequest], sampling));
      assert.is(error.policy, policy, error.message);
      assert.match(error.message, words);
      assert.match(error.message, /POST http:\/\/127\.0\.0\.1:\d+\/inference\/v1\/generate/);
      const attempts = server.requests.slice(asked).filter(({ path }) => generates(path));
      assert.is(attempts.length, policy === "retryable" ? 2 : 1);
    }));
}

test("a worker whose server is gone still clears its folder", () =>
  using({}, async ({ rollout, server }) => {
    await rollout.sampler.load(policyAt(0).name, policyAt(0).bytes);
    server.fault = () => status(400, "gone");
    await rollout.close();
    assert.equal(await readdir(join(directory, "adapters")), []);
  }));

test("a fault that passes is not seen", () =>
  using({}, async ({ rollout, server }) => {
    await rollout.sampler.load(policyAt(0).name, policyAt(0).bytes);
    const [request] = await requestsOf(rollout);
    let first = true;
    server.fault = (path) => {
      if (!generates(path) || !first) return null;
      first = false;
      return status(503, "starting");
    };
    assert.is((await rollout.sampler.sample([request as TurnRequest], sampling)).length, 1);
    assert.not.ok(first);
  }));

test("a server that says nothing is waited for, so long and so often", async () => {
  const server = new TestEngineServer({ server: "vllm", model });
  server.fault = () => ({ kind: "silence" });
  const url = await server.open();
  try {
    const config = engineConfig({ url, directory, timeoutMs: 50, attemptsMax: 2 });
    const error = await failure(openRolloutPolicy(config, readBlob));
    assert.is(error.policy, "retryable");
    assert.match(error.message, /\/version: no answer within 50 ms/);
    assert.is(server.requests.length, 2);
  } finally {
    await server.close();
  }
});

test("a server that is not there is named with its address", async () => {
  const config = engineConfig({ url: "http://127.0.0.1:1", directory, attemptsMax: 1 });
  const error = await failure(openRolloutPolicy(config, readBlob));
  assert.is(error.policy, "retryable");
  assert.match(error.message, /GET http:\/\/127\.0\.0\.1:1\/version: connection refused; start/);
});

test("the API key is sent, and stands in no error", async () => {
  const server = new TestEngineServer({ server: "vllm", model, apiKey: "hush-123" });
  const url = await server.open();
  try {
    const config = engineConfig({ url, directory, apiKeyVariable: "KEY", attemptsMax: 1 });
    const unset = await failure(openRolloutPolicy(config, readBlob));
    assert.match(unset.message, /KEY is not set/);
    const wrong = await failure(openRolloutPolicy(config, readBlob, "hush-456"));
    assert.match(wrong.message, /status 401/);
    assert.not.match(JSON.stringify([wrong, wrong.message, wrong.stack]), /hush/);
    await (await openRolloutPolicy(config, readBlob, "hush-123")).close();
  } finally {
    await server.close();
  }
});

function difference(a: Float32Array, b: Float32Array | undefined): number {
  return Math.max(...a.map((value, index) => Math.abs(value - (b?.[index] ?? Number.NaN))));
}

test.run();
