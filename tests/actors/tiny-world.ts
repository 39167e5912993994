// A whole run in one process: a policy that is a table, an environment of eleven tokens, and the
// real actors, hosts, bus and ledger between them.
//
// The agent sees a degraded picture (token D), must call its tool (CODE), sees which of three
// repaired pictures comes back (R0–R2) and must name it (A0–A2). The table knows nothing at first.
import type {
  EncodedText,
  Encoder,
  Environment,
  GradientRow,
  LearnerState,
  PolicyOptimizer,
  PolicySampler,
  PolicyTrainer,
  ProgramRunner,
  SampledTurn,
  Tensors,
  TrainingSample,
  TurnRequest,
} from "../../actors/index.ts";
import { lossSlopes } from "../../actors/learner/index.ts";
import { type HashName, hashName, RandomStream, type Sampling } from "../../events/index.ts";
import type { PreparedTask, TaskSource } from "../../tasks/index.ts";

const tokens = ["END", "D", "CODE", "LOOK", "A0", "A1", "A2", "R0", "R1", "R2", "TIP"] as const;
const size = tokens.length;
const token = (name: (typeof tokens)[number]) => tokens.indexOf(name);

type ReadBlob = (name: HashName) => Promise<Uint8Array | null>;

const picture = (text: string) => Buffer.from(text);

export const tinyTasks = (seed: number): TaskSource => {
  const draw = (purpose: string, index: number): PreparedTask => {
    const answer = new RandomStream(seed, purpose, index).integer(3);
    const [image, reference] = [picture(`degraded ${answer}`), picture(`clean ${answer}`)];
    const task = {
      id: `${purpose}-${index}`,
      task: "coding" as const,
      kind: "dark",
      question: "?",
      answers: [`a${answer}`],
      image: hashName(image),
      reference: hashName(reference),
    };
    return { task, image, reference };
  };
  const many = async (purpose: string, first: number, count: number) =>
    Array.from({ length: count }, (_, offset) => draw(purpose, first + offset));
  return {
    training: (first, count) => many("train", first, count),
    trainingTasks: Number.POSITIVE_INFINITY,
    evaluation: (set, count, first = 0) => many(set === "training" ? "train" : set, first, count),
  };
};

export const tinyEnvironment: Environment = {
  parseAction(text) {
    const answer = /^A(\d)$/.exec(text)?.[1];
    if (answer !== undefined) return { kind: "answer", answer: `a${answer}` };
    if (text === "CODE") return { kind: "code", program: "repair" };
    if (text === "LOOK") return { kind: "problem", problems: ["dark"] };
    return { kind: "malformed", reason: text };
  },
  prompt: (task) => ({ text: "", images: task.image === null ? [] : [task.image] }),
  reply: () => ({ text: "TIP", images: [] }),
  report: (_, { image }) => ({ text: "", images: image === null ? [] : [image] }),
};

export function tinyEncoder(readBlob: ReadBlob): Encoder {
  const encode = async (images: readonly HashName[]): Promise<EncodedText> => {
    const ids: number[] = [];
    for (const image of images) {
      const text = Buffer.from((await readBlob(image)) ?? []).toString();
      const clean = /^clean (\d)$/.exec(text)?.[1];
      ids.push(clean === undefined ? token("D") : token("R0") + Number(clean));
    }
    return { ids: Int32Array.from(ids.length > 0 ? ids : [token("TIP")]), images };
  };
  return {
    prompt: ({ images }) => encode(images),
    continuation: ({ images }) => encode(images),
    decode: (ids) =>
      Array.from(ids, (id) => tokens[id])
        .filter((name) => name !== "END")
        .join(" "),
  };
}

/** A sandbox that repairs every picture. `fail` may throw first. */
export function tinyRunner(fail: () => void = () => {}): ProgramRunner & { executions: number } {
  const runner = {
    digest: "tiny",
    executions: 0,
    async execute({ image }: { readonly image: Uint8Array }) {
      fail();
      runner.executions += 1;
      // Byte by byte, so that pictures of other worlds come back as they are.
      const text = Buffer.from(image).toString("latin1").replace("degraded", "clean");
      const output = Buffer.from(text, "latin1");
      return { cause: "ok", stdout: "", stderr: "", image: output, observed: {} };
    },
  };
  return runner;
}

function logSoftmax(table: Float32Array, previous: number, temperature: number): number[] {
  const logits = Array.from(table.subarray(previous * size, (previous + 1) * size), (value) =>
    Math.fround(value / temperature),
  );
  const max = Math.max(...logits);
  const total = logits.reduce((sum, value) => sum + Math.exp(value - max), 0);
  return logits.map((value) => value - max - Math.log(total));
}

const entropyOf = (logProbs: readonly number[]) =>
  -logProbs.reduce((sum, value) => sum + Math.exp(value) * value, 0);

const tableOf = (policy: Tensors) => policy.get("table") as Float32Array;
const floats = (bytes: Uint8Array) => new Float32Array(Uint8Array.from(bytes).buffer);
const bytesOf = (values: Float32Array) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();

/** The table at the start: turns tend to end, tools to be called, repaired pictures to be named. */
export function initialPolicy(): Uint8Array {
  const table = new Float32Array(size * size);
  for (let previous = 0; previous < size; previous++) {
    const ends = previous >= token("CODE") && previous <= token("A2");
    table[previous * size + token("END")] = ends ? 4 : -2;
    for (let answer = token("A0"); answer <= token("A2"); answer++) {
      if (previous >= token("R0")) table[previous * size + answer] = 1.5;
    }
  }
  table[token("D") * size + token("CODE")] = 1.5;
  return bytesOf(table);
}

/** Samples from the table. A `stale` one keeps the first policy that it was given. */
export function tinySampler({ stale = false, rowsMax = 16 } = {}): PolicySampler {
  let table = new Float32Array(0);
  return {
    rowsMax,
    async load(_, bytes) {
      if (!stale || table.length === 0) table = floats(bytes);
      return hashName(bytesOf(table));
    },
    async sample(requests, sampling) {
      await new Promise((resolve) => setImmediate(resolve));
      return requests.map((request) => sampleTurn(table, request, sampling));
    },
  };
}

function sampleTurn(
  table: Float32Array,
  { ids, uniforms }: TurnRequest,
  { temperature, greedy }: Sampling,
): SampledTurn {
  const sampled: number[] = [];
  const logProbs: number[] = [];
  let entropy = 0;
  let previous = ids.at(-1) as number;
  for (const uniform of uniforms) {
    const row = logSoftmax(table, previous, temperature);
    previous = greedy ? row.indexOf(Math.max(...row)) : pick(row, uniform);
    sampled.push(previous);
    logProbs.push(row[previous] as number);
    entropy += entropyOf(row);
    if (previous === token("END")) break;
  }
  return {
    ids: Int32Array.from(sampled),
    logProbs: Float32Array.from(logProbs),
    entropy: entropy / sampled.length,
    finish: previous === token("END") ? "stop" : "length",
  };
}

function pick(logProbs: readonly number[], uniform: number): number {
  let rest = uniform;
  for (const [index, value] of logProbs.entries()) {
    rest -= Math.exp(value);
    if (rest < 0) return index;
  }
  return logProbs.length - 1;
}

/** Per masked position, the token before it and the token itself. */
function steps({ ids, mask }: TrainingSample): [previous: number, sampled: number][] {
  return [...ids.keys()]
    .filter((index) => mask[index] === 1)
    .map((index) => [ids[index - 1] as number, ids[index] as number]);
}

export const tinyTrainer: PolicyTrainer = {
  rowsMax: 5,
  encodePolicy: (policy) => bytesOf(tableOf(policy)),
  decodePolicy: (bytes) => new Map([["table", floats(bytes)]]),
  logProbs: async (policy, samples, temperature) =>
    samples.map((sample) =>
      Float32Array.from(
        steps(sample),
        ([previous, id]) => logSoftmax(tableOf(policy), previous, temperature)[id] as number,
      ),
    ),
  async gradient(policy, rows, settings) {
    const gradient = new Float32Array(size * size);
    const logProbs: Float32Array[] = [];
    const entropies: Float32Array[] = [];
    for (const row of rows) {
      const pairs = steps(row.sample);
      const all = pairs.map(([previous]) =>
        logSoftmax(tableOf(policy), previous, settings.temperature),
      );
      const current = Float32Array.from(pairs, ([, id], index) => all[index]?.[id] as number);
      const slopes = slopesOf(row, current, settings);
      for (const [index, [previous, id]] of pairs.entries()) {
        const scale = slopes[index] as number;
        for (const [other, value] of (all[index] as number[]).entries()) {
          const place = previous * size + other;
          const indicator = other === id ? 1 : 0;
          gradient[place] =
            (gradient[place] as number) +
            (scale * (indicator - Math.exp(value))) / settings.temperature;
        }
      }
      logProbs.push(current);
      entropies.push(Float32Array.from(all, entropyOf));
    }
    return { gradient: new Map([["table", gradient]]), logProbs, entropies };
  },
};

/** What the graph is told, or what it computes itself, N tokens being the divisor. */
function slopesOf(
  row: GradientRow,
  current: Float32Array,
  settings: Parameters<PolicyTrainer["gradient"]>[2],
): Float64Array {
  if (row.slopes !== null) return row.slopes;
  const { klCoefficient: coefficient, tokens: count } = settings;
  const kl = coefficient === 0 ? { type: "none" as const } : { type: "k3" as const, coefficient };
  const loss = { ...settings, loss: { type: "dapo" as const }, kl };
  const [own = new Float64Array()] = lossSlopes(
    [{ ...row, current, sampler: row.sample.sampler }],
    loss,
  );
  return own.map((slope) => (slope * own.length) / count);
}

interface Momentum {
  readonly steps: number;
  readonly velocity: Float32Array;
}

/** Momentum over the sign-free gradient; its hash depends on its whole past, like AdamW's. */
export const tinyOptimizer: PolicyOptimizer<Momentum> = {
  step({ policy, optimizer }: LearnerState<Momentum>, gradient, learningRate) {
    const slope = tableOf(gradient);
    const velocity = optimizer.velocity.map((value, index) =>
      Math.fround(0.5 * value + (slope[index] as number)),
    );
    const table = tableOf(policy).map((value, index) =>
      Math.fround(value - learningRate * (velocity[index] as number)),
    );
    const gradientNorm = Math.sqrt(slope.reduce((sum, value) => sum + value * value, 0));
    const state = {
      policy: new Map([["table", table]]),
      optimizer: { steps: optimizer.steps + 1, velocity },
    };
    return { state, gradientNorm };
  },
  encode: ({ steps: count, velocity }) => bytesOf(Float32Array.from([count, ...velocity])),
  decode(bytes) {
    const [count = 0, ...velocity] = floats(bytes);
    return { steps: count, velocity: Float32Array.from(velocity) };
  },
  encodeGradient: (gradient) => bytesOf(tableOf(gradient)),
  decodeGradient: (bytes) => new Map([["table", floats(bytes)]]),
};

export const initialOptimizer = (): Uint8Array =>
  tinyOptimizer.encode({ steps: 0, velocity: new Float32Array(size * size) });
