// One event of every type and version that was ever written, with every field that it may have. The
// stored bytes of each lie in tests/fixtures/events/ and are held by golden.test.ts; those that are
// missing are made by
//
//   node --import tsx tests/events/write-golden.ts
//
// A sample is never changed once its bytes are kept: they lie in ledgers. What a version gained
// later stands in a further sample of that version.
import type { EventData, EventEnvelope, EventType } from "../../events/index.ts";

type Data = Readonly<Record<string, unknown>>;

/**
 * Data of an event as a version wrote them, and what they are today where that is another shape.
 */
export interface GoldenSample {
  readonly data: Data;
  readonly today?: Data;
}

type Samples = { readonly [T in EventType]: Readonly<Record<number, readonly GoldenSample[]>> };

const hash = (digit: string) => `sha256:${digit.repeat(64)}` as const;
const ids = Int32Array.of(0, 703, -1, 0x11_00_00);
const floats = Float32Array.of(0, -0.5, 1e-7, -12.25);
const observed = { wallMs: 12.5, host: "a" };

const numericClass = {
  code: "0123456789abcdef on V8 11.3",
  onnxruntime: "1.30.0",
  device: "cpu-x64-avx2",
  sandbox: hash("5"),
  engine: "openai:vllm 0.32.0",
  learner: "cpu-x64-avx512",
};

const task = {
  id: "mini/1",
  task: "coding" as const,
  kind: "rotation90",
  question: "Which letters? ‽",
  answers: ["K 7"],
  image: hash("1"),
  reference: null,
  queries: ["who"],
  step: { prompt: "then", solution: "<code>", demonstration: null },
};

const sampling = { temperature: 1, greedy: false, tools: true, mode: "rag" as const };

const started = {
  run: "a",
  seed: 3,
  config: { determinism: "strict", rollout: { samples: 8, temperature: 0.7 }, sets: [] },
  numericClass,
  base: hash("a"),
  policy: hash("b"),
  optimizer: hash("c"),
};
const parent = { run: "b", seq: 812, hash: "9".repeat(64) };
const afterStep = {
  type: "step",
  step: 4,
  evaluations: 2,
  anchor: hash("b"),
  earlier: [hash("d")],
};
const beforeTurn = {
  type: "trajectory",
  trajectory: "2.0.1",
  turn: 1,
  policies: [hash("d")],
  kept: hash("7"),
};

const planned = { evaluation: 0, name: "pairs", policy: hash("2"), sampling };
const components = [
  { name: "f1", value: 0.5, weight: 0.8 },
  { name: "calls", value: 1, weight: -0.05 },
];
const assigned = {
  trajectory: "trajectory/a/1.0.2",
  components,
  reward: 0.35,
  em: 0,
  f1: 0.5,
  pixelError: null,
};
const named = [
  { name: "f1", value: 0.5, weight: 0.8, function: "f1@1" },
  { name: "calls", value: 1, weight: -0.05, function: "calls@1" },
];
const returned = {
  turn: 1,
  tool: "python" as const,
  cause: "ok",
  text: "42\n",
  image: hash("3"),
  observed,
};

/** By type and version. */
export const goldenSamples: Samples = {
  "run.started": {
    1: [
      { data: { ...started, observed: { varft: "0.2.0" } } },
      { data: { ...started, parent: { ...parent, at: afterStep }, observed } },
      { data: { ...started, parent: { ...parent, at: beforeTurn } } },
    ],
  },
  "step.planned": {
    1: [{ data: { step: 1, policy: hash("b"), samples: 8, sampling, tasks: [task], observed } }],
  },
  "evaluation.planned": {
    1: [
      {
        data: { ...planned, tasks: 2, observed },
        today: { ...planned, tasks: 2, samples: 1, observed },
      },
    ],
    2: [{ data: { ...planned, tasks: 2, samples: 4, observed } }],
  },
  "run.completed": { 1: [{ data: { steps: 140, policy: hash("d"), observed } }] },
  "evaluation.started": {
    1: [
      {
        data: { ...planned, tasks: [task], observed },
        today: { ...planned, tasks: [task], samples: 1, observed },
      },
    ],
    2: [{ data: { ...planned, tasks: [task], samples: 4, observed } }],
  },
  "evaluation.completed": {
    1: [
      {
        data: {
          evaluation: 0,
          name: "pairs",
          policy: hash("2"),
          summary: {
            n: 2,
            em: 50,
            f1: 62.5,
            format: 100,
            kinds: { rotation90: { n: 2, em: 50, f1: 62.5 } },
            repaired: 25,
            needlessCalls: null,
          },
          observed,
        },
      },
    ],
  },
  "trajectory.started": {
    1: [
      {
        data: {
          policy: hash("b"),
          task: "mini/1",
          sampling,
          ids,
          images: [hash("1")],
          units: "code-points",
          observed,
        },
      },
    ],
  },
  "turn.sampled": {
    1: [
      {
        data: {
          turn: 0,
          policy: hash("b"),
          ids,
          logProbs: floats,
          entropy: 0.125,
          finish: "stop",
          unscored: true,
          observed,
        },
      },
    ],
  },
  "tool.called": {
    1: [{ data: { turn: 1, tool: "python", input: "print(42)", image: hash("1"), observed } }],
  },
  "tool.returned": { 1: [{ data: returned }], 2: [{ data: returned }] },
  "turn.prompted": { 1: [{ data: { turn: 1, ids, images: [hash("3")], fresh: true, observed } }] },
  "trajectory.ended": {
    1: [{ data: { cause: "answered", answer: "K 7", turns: 2, calls: 1, observed } }],
  },
  "reward.assigned": {
    1: [
      {
        data: { ...assigned, injected: true, observed },
        today: { ...assigned, components: named, injected: true, observed },
      },
    ],
    2: [{ data: { ...assigned, components: named, injected: true, observed } }],
  },
  "batch.assembled": {
    1: [
      {
        data: {
          step: 1,
          policy: hash("b"),
          playedPolicy: hash("a"),
          optimizer: hash("c"),
          trajectories: ["trajectory/a/1.0.0", "trajectory/a/1.0.1"],
          rewards: floats,
          shapedRewards: floats,
          advantages: floats,
          turnAdvantages: [floats, floats],
          droppedGroups: [2],
          surplusGroups: [3],
          minibatches: [Int32Array.of(0), Int32Array.of(1)],
          observed,
        },
      },
    ],
  },
  "gradient.computed": {
    1: [
      {
        data: {
          step: 1,
          minibatch: 0,
          tokens: 192,
          loss: 3.725290298461914e-9,
          policyLoss: -0.25,
          kl: 0,
          klOld: 1e-6,
          entropy: 0.2,
          ratioMean: 1,
          ratioMax: 1.5,
          clipFraction: 0.01,
          mismatchMax: 2e-6,
          mismatchMean: 1e-7,
          penalties: floats,
          gradientNorm: 0.0743,
          learningRate: 2e-4,
          gradient: hash("e"),
          stored: true,
          observed,
        },
      },
    ],
  },
  "policy.updated": {
    1: [
      {
        data: {
          step: 1,
          policyBefore: hash("b"),
          policyAfter: hash("d"),
          optimizerBefore: hash("c"),
          optimizerAfter: hash("f"),
          optimizerStored: false,
          observed,
        },
      },
    ],
  },
  "actor.registered": { 1: [{ data: { role: "rollout", numericClass, observed } }] },
  "blobs.pruned": {
    1: [
      {
        data: {
          rule: "gradients=none policies=every:20",
          names: Uint8Array.from({ length: 64 }, (_, index) => index),
          observed,
        },
      },
    ],
  },
  "actor.ended": { 1: [{ data: { role: "rollout", cause: "SIGKILL", observed } }] },
  "sandbox.opened": { 1: [{ data: { level: "fork", size: 2, digest: "sha256:s", observed } }] },
  "sandbox.resized": { 1: [{ data: { from: 1, to: 2, cause: "calls", observed } }] },
  "container.lost": { 1: [{ data: { cause: "its output ended", during: "call", observed } }] },
  "container.replaced": { 1: [{ data: { waitMs: 100, observed } }] },
  "sandbox.drained": { 1: [{ data: { opened: 3, lost: 1, executions: 40, observed } }] },
};

/** A sample with its place: what its golden bytes are named by. */
export interface PlacedSample extends GoldenSample {
  readonly type: EventType;
  readonly v: number;
  /** `turn.sampled.v1`; further samples of a version are `turn.sampled.v1-2`, … */
  readonly name: string;
}

/** All samples. */
export function placedSamples(): PlacedSample[] {
  return Object.entries(goldenSamples).flatMap(([type, versions]) =>
    Object.entries(versions).flatMap(([v, samples]) =>
      samples.map((sample, index) => {
        const name = `${type}.v${v}${index === 0 ? "" : `-${index + 1}`}`;
        return { ...sample, type: type as EventType, v: Number(v), name };
      }),
    ),
  );
}

/** Data as the event that the ledger stores. */
export function goldenEvent(type: EventType, v: number, data: Data): EventEnvelope<unknown> {
  return {
    id: "0".repeat(63) + String(v),
    stream: "run/a",
    seq: 2 ** 32 + 1,
    type,
    v,
    time: 1_764_000_000_000,
    cause: "f".repeat(64),
    command: "c1",
    trace: null,
    epoch: 1,
    by: "run",
    data: data as EventData<EventType>,
  };
}
