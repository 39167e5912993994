// Compares a device with the CPU on one checkpoint: what it samples, scores and learns. For whoever
// has a GPU at hand, before a run is trusted to it (docs/gpu.md).
//
//   node --import tsx scripts/compare-device.ts cuda:0 [DIRECTORY]     DIRECTORY: models/tiny
//
// Exits with 1 where log-probs or gradients differ by more than rounding explains.
import { argv, exit, stdout } from "node:process";
import { tableLines } from "../cli/text/table.ts";
import { cpuDevice, type Device, parseDevice, RandomStream } from "../events/index.ts";
import {
  type GenerateRow,
  type ImageInput,
  type ModelConfig,
  openPolicy,
  readConfig,
  type TensorMap,
  type Turn,
} from "../model/index.ts";

const seed = 1;
const threads = 2;
const rowCount = 4;
const tokensMax = 32;
/** Sides of the image, in image tokens. */
const imageSide = 4;
/** In nats, and of a gradient's norm. Rounding of float32 stays far below. */
const logProbDifferenceMax = 1e-3;
const gradientShareMax = 1e-2;
const tuning = { type: "lora", rank: 16, alpha: 32, seed, scope: "language" } as const;
const sampling = { temperature: 1, bannedIds: [] };

interface Measured {
  readonly turns: readonly Turn[];
  readonly logProbs: Float32Array;
  readonly gradients: TensorMap;
  readonly again: TensorMap;
  readonly seconds: readonly number[];
}

const [, , name = "", directory = "models/tiny"] = argv;
const device = parseDevice(name);
const config = await readConfig(directory);
const rows = rowsOf(config);
const expected = await measure(cpuDevice, null);
const found = await measure(device, expected.turns);
exit(tell(expected, found) ? 0 : 1);

/** Samples, then scores and learns `given`, or else what was sampled. */
async function measure(where: Device, given: readonly Turn[] | null): Promise<Measured> {
  const marks = [performance.now()];
  const mark = () => marks.push(performance.now());
  const roles = ["vision", "generate", "learn"] as const;
  const policy = await openPolicy({ directory, tuning, threads, roles, device: where });
  mark();
  const parameters = shaken(policy.trainable);
  const turns = await policy.generate(parameters, rows, { ...sampling, stopIds: [] });
  mark();
  const learnt = (given ?? turns).map(({ ids }, index) => {
    const { ids: before = [], images = [] } = rows[index]?.context ?? {};
    const chosen = Array.from(ids, (_, at) => before.length + at);
    return { ids: [...Array.from(before), ...ids], images, chosen };
  });
  const batch = { rows: learnt, sampling };
  const { logProbs } = await policy.logProbs(parameters, batch);
  const count = logProbs.length;
  const loss = {
    normalizer: count,
    policy: {
      weights: new Float32Array(count).fill(1),
      advantages: Float32Array.from({ length: count }, (_, at) => Math.sin(at)),
      oldLogProbs: logProbs,
      clipLow: 0.2,
      clipHigh: 0.28,
    },
  };
  const { gradients } = await policy.gradient(parameters, batch, loss);
  mark();
  const { gradients: again } = await policy.gradient(parameters, batch, loss);
  await policy.close();
  const seconds = marks.slice(1).map((ms, at) => (ms - (marks[at] ?? 0)) / 1_000);
  return { turns, logProbs, gradients, again, seconds };
}

function tell(one: Measured, other: Measured): boolean {
  const same = one.turns.map(({ ids }, row) => {
    const ids2 = other.turns[row]?.ids ?? [];
    const first = ids.findIndex((id, at) => id !== ids2[at]);
    return first < 0 ? ids.length : first;
  });
  const tokens = same.reduce((sum, count) => sum + count, 0);
  const logProbs = Math.max(
    ...one.logProbs.map((v, at) => Math.abs(v - (other.logProbs[at] ?? 0))),
  );
  const shares = [...one.gradients].map(([key, values]) =>
    shareOf(values, other.gradients.get(key)),
  );
  const share = Math.max(...shares);
  const repeated = [...other.gradients].every(([key, values]) =>
    values.every((value, at) => Object.is(value, other.again.get(key)?.[at])),
  );
  const times = ({ seconds }: Measured) => seconds.map((value) => value.toFixed(2)).join(", ");
  const lines = [
    ["tokens until the first that differs", `${tokens} of ${rowCount * tokensMax}`],
    ["largest difference of a log-prob", `${logProbs.toExponential(1)} nats`],
    ["largest difference of a gradient", `${share.toExponential(1)} of its norm`],
    ["its gradient twice", repeated ? "the same bytes" : "other bytes"],
    ["seconds to open, sample, learn: cpu", times(one)],
    [`seconds to open, sample, learn: ${name}`, times(other)],
  ];
  stdout.write(`${tableLines([directory, `${name} against cpu`], lines).join("\n")}\n`);
  return logProbs <= logProbDifferenceMax && share <= gradientShareMax;
}

function shareOf(values: Float32Array, others: Float32Array | undefined): number {
  let [difference, norm] = [0, 0];
  for (const [at, value] of values.entries()) {
    difference += (value - (others?.[at] ?? Number.NaN)) ** 2;
    norm += value ** 2;
  }
  return norm === 0 ? difference : Math.sqrt(difference / norm);
}

/** Adapters of which neither half is zero: both have a gradient. */
function shaken(tensors: TensorMap): TensorMap {
  const random = new RandomStream(seed, "adapters");
  const moved = (values: Float32Array) => values.map((value) => value + 0.01 * random.normal());
  return new Map([...tensors].map(([key, values]) => [key, moved(values)]));
}

function rowsOf({ tokens, vision, text }: ModelConfig): readonly GenerateRow[] {
  const random = new RandomStream(seed, "rows");
  const side = imageSide * vision.mergeSize;
  const values = vision.channelCount * vision.temporalPatchSize * vision.patchSize ** 2;
  const pixels = Float32Array.from({ length: side ** 2 * values }, () => random.normal());
  const image: ImageInput = { hash: "noise", grid: [1, side, side], pixels };
  const special: ReadonlySet<number> = new Set(Object.values(tokens));
  const word = (): number => {
    const id = random.integer(text.vocabularySize);
    return special.has(id) ? word() : id;
  };
  const words = (count: number) => Array.from({ length: count }, word);
  const seen = new Array<number>(imageSide ** 2).fill(tokens.image);
  const ids = [...words(3), tokens.visionStart, ...seen, tokens.visionEnd, ...words(20)];
  const context = { ids, images: [image] };
  return Array.from({ length: rowCount }, () => {
    const uniforms = Float32Array.from({ length: tokensMax }, () => random.uniform());
    return { context, tokensMax, uniforms };
  });
}
