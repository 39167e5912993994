// Goal: a warm start is a function of its settings, to the byte; and models/tiny is what
// config/warmup.toml makes, as far as that can be told without training.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { warmStart } from "../../actors/index.ts";
import { loadWarmupConfig, type WarmupConfig } from "../../config/index.ts";
import { encodeSafetensors, writeCheckpoint } from "../../model/index.ts";

const test = suite("actors/warm start");

const short = [
  "perception.steps=3",
  "perception.batch=16",
  "perception.jitter_steps=2",
  "protocol.steps=3",
  "protocol.batch=16",
  "micro_rows=8",
];
const signal = new AbortController().signal;
async function learn(settings: WarmupConfig) {
  const told: string[] = [];
  const onProgress = ({ stage, step }: { stage: string; step: number }) =>
    told.push(`${stage} ${step}`);
  const content = await warmStart(settings, { signal, onProgress });
  return { content, told, bytes: encodeSafetensors(content.tensors, content.dtype) };
}

test("the same settings give the same bytes, and another seed gives others", async () => {
  const settings = await loadWarmupConfig("config/warmup.toml", short);
  const first = await learn(settings);
  const stages = ["perception", "protocol"];
  assert.equal(
    first.told,
    stages.flatMap((stage) => [1, 2, 3].map((step) => `${stage} ${step}`)),
  );
  const second = await learn(settings);
  assert.ok(Buffer.from(first.bytes).equals(second.bytes), "two equal warm starts differ");
  const other = await learn({ ...settings, seed: settings.seed + 1 });
  assert.not.ok(Buffer.from(first.bytes).equals(other.bytes), "the seed makes no difference");
});

test("every file of models/tiny but the weights is what its configuration gives", async () => {
  const directory = await mkdtemp(join(tmpdir(), "varft-warm-"));
  try {
    const { content } = await learn(await loadWarmupConfig("config/warmup.toml", short));
    await writeCheckpoint(directory, content);
    const files = ["config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.json"];
    for (const file of [...files, "preprocessor_config.json", "generation_config.json"]) {
      const [made, committed] = await Promise.all(
        [directory, "models/tiny"].map((folder) => readFile(join(folder, file), "utf8")),
      );
      assert.is(made, committed, `${file}: run varft sft config/warmup.toml`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test.run();
