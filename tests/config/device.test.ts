// Goal: `device` is read strictly, for each actor, and what cannot go together is told.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  ConfigError,
  loadRunConfig,
  loadWarmupConfig,
  rolloutDevices,
} from "../../config/index.ts";

const test = suite("config/device");
const run = "config/quickstart.toml";
const tolerance = 'determinism="tolerance"';

async function refusal(...overrides: readonly string[]): Promise<string> {
  try {
    await loadRunConfig(run, overrides);
  } catch (thrown) {
    assert.instance(thrown, ConfigError);
    return (thrown as ConfigError).message;
  }
  throw new Error("nothing was refused");
}

test("everything runs on the CPU unless the file says otherwise", async () => {
  const config = await loadRunConfig(run);
  assert.equal(rolloutDevices(config), ["cpu"]);
  assert.is(config.learner.device, "cpu");
  assert.is((await loadWarmupConfig("config/warmup.toml")).device, "cpu");
});

test("each actor has its own device, Rollout a list of them", async () => {
  const config = await loadRunConfig(run, [
    tolerance,
    'rollout.device=["cuda:0","cuda:1"]',
    "rollout.workers=4",
    'learner.device="cuda:2"',
  ]);
  assert.equal(rolloutDevices(config), ["cuda:0", "cuda:1"]);
  assert.is(config.learner.device, "cuda:2");
  const warmup = await loadWarmupConfig("config/warmup.toml", ['device="webgpu:0"']);
  assert.is(warmup.device, "webgpu:0");
});

test("a learner on a GPU may be strict where no sum depends on an order", async () => {
  const adapters = (vision: boolean) => `tune={type="lora",rank=4,alpha=8,vision=${vision}}`;
  const gpu = 'learner.device="cuda:0"';
  assert.is((await loadRunConfig(run, [gpu, adapters(false)])).determinism, "strict");
  assert.match(await refusal(gpu), /the gradient of token embeddings/);
  assert.match(await refusal(gpu, adapters(true)), /the gradient of images that several rows show/);
  assert.is((await loadRunConfig(run, [gpu, tolerance])).determinism, "tolerance");
});

for (const [override, words] of [
  ['rollout.device="gpu"', /"rollout\.device" is "gpu", which is no device: write cpu, cuda:N/],
  ['rollout.device=["cuda:0","cuda:x"]', /is "cuda:x", which is no device/],
  ['rollout.device="webgpu:1"', /only webgpu:0/],
  ["rollout.device=[]", /"rollout\.device" must list 1 to/],
  ["rollout.device=0", /"rollout\.device" must be the name of a device/],
  ['learner.device="cuda"', /"learner\.device" is "cuda", which is no device/],
  ['learner.device=["cuda:0"]', /"learner\.device" must be the name of a device/],
] as const) {
  test(`${override} is refused`, async () => {
    assert.match(await refusal(tolerance, override), words);
  });
}

test("fewer workers than devices would leave one idle", async () => {
  const words = await refusal(tolerance, 'rollout.device=["cuda:0","cuda:1"]');
  assert.match(words, /"rollout\.workers" is 1, but rollout\.device lists 2 devices/);
  const byHand = [tolerance, 'rollout.device=["cuda:0","cuda:1"]', "rollout.workers=0"];
  assert.is((await loadRunConfig(run, byHand)).rollout.workers, 0);
});

test("rollouts on a GPU are not repeated bit by bit, which strict would promise", async () => {
  const words = await refusal('rollout.device="cuda:0"');
  assert.match(words, /"determinism" must be "tolerance" with rollout\.device = "cuda:0"/);
});

test.run();
