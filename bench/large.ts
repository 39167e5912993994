// What a checkpoint of the published size costs on this machine: opening it, asking it about an
// image, and one GRPO step with adapters. Each part is a process of its own whose peak of memory is
// read from outside. Without `--model` a checkpoint of noise in the sizes of Qwen2.5-VL-3B is made
// in a temporary folder (7.5 GB), and removed.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { z } from "zod";
import { runMeasured } from "./shared/measured-child.ts";
import { type BenchOptions, type BenchRow, type BenchRows, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 420;
/** Too much for who only wants to measure the machine. */
export const onlyByName = true;

const root = fileURLToPath(new URL("..", import.meta.url));
const node = [process.execPath, "--import", "tsx"];
const GiB = 2 ** 30;
const openSecondsMax = 10;
const stepBytesMax = 16 * GiB;
const samplingMsMax = 1;
const peakShareMin = 0.7;
const newTokens = 32;
const [imageWidth, imageHeight] = [644, 476];

const opened = z.object({ seconds: z.number() });
const stepped = z.object({
  seconds: z.number(),
  gigaflopsPerSecond: z.number(),
  peakGigaflopsPerSecond: z.number(),
});
const sampled = z.object({ msPerRow: z.number() });
const turned = z.object({ tokensPerSecond: z.number() });
const answered = z.object({
  tokens: z.number(),
  loadSeconds: z.number(),
  firstTokenSeconds: z.number(),
  tokensPerSecond: z.number(),
});

/** Measures the checkpoint in the folder `model`, or one that is made for it. */
export async function rows({ model }: BenchOptions = {}): Promise<BenchRows> {
  const scratch = await mkdtemp(join(tmpdir(), "varft-bench-large-"));
  try {
    const directory = model ?? (await makeCheckpoint(scratch));
    return {
      "large.sampling": await sampling(),
      "large.open": await opening(directory),
      ...(await step(directory)),
      ...(await widening(directory, "turn")),
      ...(await widening(directory, "token")),
      ...(await answer(directory, scratch)),
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function makeCheckpoint(scratch: string): Promise<string> {
  const directory = join(scratch, "3b");
  await runMeasured([...node, join(root, "scripts", "random-checkpoint.ts"), "3b", directory]);
  return directory;
}

function part(name: string, ...others: readonly string[]) {
  return runMeasured([...node, join(root, "bench", "shared", "large-part.ts"), name, ...others]);
}

async function sampling(): Promise<BenchRow> {
  const { last } = await part("sampling");
  return row(sampled.parse(last).msPerRow, "ms/row", {
    reach: { of: "value", max: samplingMsMax },
  });
}

async function opening(directory: string): Promise<BenchRow> {
  const { last } = await part("open", directory);
  return row(opened.parse(last).seconds, "s", { reach: { of: "value", max: openSecondsMax } });
}

async function step(directory: string): Promise<BenchRows> {
  const { last, peakBytes } = await part("step", directory);
  const figures = stepped.parse(last);
  return {
    "large.step": row(figures.seconds, "s"),
    "large.step.gradient": row(figures.gigaflopsPerSecond, "GFLOP/CPU-s", {
      reference: figures.peakGigaflopsPerSecond,
      against: "onnxruntime's product of two 2048² matrices",
      reach: { of: "ratio", min: peakShareMin },
    }),
    "large.step.memory": row(peakBytes / GiB, "GiB", {
      reach: { of: "value", max: stepBytesMax / GiB },
    }),
  };
}

async function widening(directory: string, when: "turn" | "token"): Promise<BenchRows> {
  const { last, peakBytes } = await part(when, directory);
  const name = `large.widening.${when}`;
  return {
    [name]: row(turned.parse(last).tokensPerSecond, "tokens/s"),
    [`${name}.memory`]: row(peakBytes / GiB, "GiB"),
  };
}

async function answer(directory: string, scratch: string): Promise<BenchRows> {
  const image = join(scratch, "noise.png");
  const noise = { type: "gaussian", mean: 128, sigma: 40 } as const;
  const size = { width: imageWidth, height: imageHeight, channels: 3 } as const;
  const create = { ...size, background: "grey", noise };
  await writeFile(image, await sharp({ create }).png().toBuffer());
  const { last, peakBytes } = await runMeasured([
    process.execPath,
    join(root, "cli", "varft.mjs"),
    ...["model", "generate", directory, "--json"],
    ...["--image", image, "--prompt", "What is this?", "--max-tokens", String(newTokens)],
  ]);
  const figures = answered.parse(last);
  return {
    "large.generate.first": row(figures.firstTokenSeconds, "s"),
    "large.generate": row(figures.tokensPerSecond, "tokens/s"),
    "large.generate.memory": row(peakBytes / GiB, "GiB"),
  };
}
