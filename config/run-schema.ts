// The configuration of a run (`varft train`, `varft eval`). Units stand in the names; tokens, steps
// and rows are counts. A default stands only where leaving the key out cannot surprise.
import { z } from "zod";
import { algorithmKeys, batchKeys } from "./algorithm-schema.ts";
import { device, devices } from "./device-schema.ts";
import { engine, rowsMaxDefault } from "./engine-schema.ts";
import { recordedPolicy } from "./policy-schema.ts";
import { reward } from "./reward-schema.ts";
import { search } from "./search-schema.ts";
import { protocolKeys, tasks } from "./tasks-schema.ts";

/** Whole numbers; the limits keep a slip of the finger from asking for years of work. */
const count = (max: number) => z.int().min(1).max(max);
const positive = z.number().positive();
const share = z.number().min(0).max(1);

const stepsMax = 1_000_000;
const workersMax = 1_024;
/** One event holds all tasks of a step or an evaluation, and an event has 256 KiB at most. */
export const tasksPerEventMax = 500;
const evaluationTasksMax = 1_000_000;
/** One append spans all streams of a group. */
const samplesMax = 256;
const threadsMax = 256;
const rowsMax = 4_096;
const turnsMax = 64;
const contextTokensMax = 131_072;

const run = z.strictObject({
  seed: z
    .int()
    .min(0)
    .max(2 ** 31),
  /** Steps of training; each makes one new policy. */
  steps: z.int().min(0).max(stepsMax),
});

const model = z.strictObject({
  /** A Hugging Face checkpoint folder, relative to the working directory. */
  directory: z.string().min(1),
});

const vision = z.boolean();

/**
 * What is trained: all parameters, or adapters on all linear layers. `vision`: the tower as well.
 */
const tune = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("full"), vision }),
  z.strictObject({ type: z.literal("lora"), rank: count(1_024), alpha: positive, vision }),
]);

export const rollout = z.strictObject({
  /** Worker processes of this host. 0: only workers that are started by hand. */
  workers: z.int().min(0).max(workersMax).default(1),
  /** Where turns are sampled; of a list every worker takes one, in turn. */
  device: devices.default("cpu"),
  /** Groups of a step. */
  prompts: count(tasksPerEventMax),
  ...batchKeys,
  /** Trajectories of a group. */
  samples: z.int().min(2).max(samplesMax),
  temperature: positive.max(10),
  turnsMax: count(turnsMax),
  /** Executed tool calls of a trajectory. */
  callsMax: z.int().min(0).max(turnsMax),
  turnTokensMax: count(contextTokensMax),
  contextTokensMax: count(contextTokensMax),
  /** Threads of onnxruntime per worker. */
  threads: count(threadsMax).default(1),
  /** Trajectories that one call of the engine samples. */
  rowsMax: count(rowsMax).default(rowsMaxDefault),
  /**
   * When models above 2 GiB in float32 are widened to it: for every token, or once a turn, which is
   * faster and holds the whole language model as float32. The result is the same.
   */
  widening: z.enum(["token", "turn"]).default("token"),
  engine: engine.prefault({ type: "built-in" }),
  ...protocolKeys,
});

const learner = z.strictObject({
  learningRate: positive,
  /** Steps over which the rate rises. */
  warmupSteps: z.int().min(0).max(stepsMax).default(0),
  /** What is left of the rate at the last step; 1 keeps it constant. */
  finalShare: share.default(1),
  beta1: share.default(0.9),
  beta2: share,
  epsilon: positive.default(1e-8),
  weightDecay: z.number().min(0).default(0),
  /** A gradient is scaled down to this Euclidean norm. */
  gradientNormMax: positive,
  /** Optimizer steps of a step. */
  minibatches: count(64),
  /** What stays together when minibatches are drawn. */
  shuffle: z.enum(["trajectories", "groups"]).default("trajectories"),
  ...algorithmKeys,
  /** The run stops where sampler and learner differ more on a token's log-prob, in nats. */
  mismatchMax: positive,
  /** A control that must not learn: advantages are dealt out anew within each group. */
  shuffleAdvantages: z.boolean().default(false),
  /** Logical parts of the gradient's sum; part of the result, unlike the number of workers. */
  shards: count(workersMax).default(1),
  device: device.default("cpu"),
  threads: count(threadsMax).default(1),
  /** Trajectories of one pass through the graph. */
  microRows: count(rowsMax),
  /**
   * Activations are computed again in the backward pass: less memory, more time. Where this is left
   * out, models above 2 GiB in float32 do so. The result is the same.
   */
  recompute: z.boolean().optional(),
});

const evaluationSet = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/, "use small letters, digits and dashes"),
  /** Which tasks, by the source's name for them. */
  set: z.string().min(1),
  /** More than fit into one event are played as several evaluations, one after the other. */
  tasks: count(evaluationTasksMax),
  /** So many fit; left out: 500. */
  tasksPerEvent: count(tasksPerEventMax).optional(),
  /** Trajectories per task; with more than one, pass@samples is told too. */
  samples: count(samplesMax).default(1),
  /** False: sampled at `rollout.temperature`. */
  greedy: z.boolean(),
  /** False: tools hand back their input unchanged, a control that shows what they are worth. */
  tools: z.boolean().default(true),
  /** How is asked where the agent does not act; left out: it acts. */
  mode: z.enum(["direct", "cot", "rag"]).optional(),
  /** The benchmark that its tasks are (`varft eval`). */
  benchmark: z.string().min(1).optional(),
  when: z.array(z.enum(["before", "every", "after"])).min(1),
});

const evaluation = z.strictObject({
  /** Steps between the evaluations that are made `when = ["every"]`; 0: never. */
  everySteps: z.int().min(0).max(stepsMax).default(0),
  sets: z.array(evaluationSet).max(32).default([]),
});

const mebibyte = 2 ** 20;
const bytes = (max: number) => z.int().min(1).max(max);
const fileBytesMax = 4_096 * mebibyte;

/** Bounds of one execution; the defaults are the sandbox's own. */
const executionLimits = z.strictObject({
  wallMsMax: count(600_000).default(5_000),
  memoryBytesMax: bytes(64 * 2 ** 30).default(384 * mebibyte),
  fileBytesMax: bytes(fileBytesMax).default(16 * mebibyte),
  textBytesMax: bytes(mebibyte).default(16 * 2 ** 10),
  imageBytesMax: bytes(fileBytesMax).default(8 * mebibyte),
  imagePixelsMax: count(2 ** 30).default(4_096 * 4_096),
});

/** Bounds of a container, over everything that runs in it. */
const containerLimits = z.strictObject({
  memoryBytesMax: bytes(64 * 2 ** 30).default(640 * mebibyte),
  cpus: positive.max(256).default(1),
  processesMax: count(4_096).default(64),
  workBytesMax: bytes(fileBytesMax).default(64 * mebibyte),
  workFilesMax: count(1_000_000).default(2_048),
});

export const sandbox = z.strictObject({
  /** Containers that run programs side by side. */
  containers: count(256).default(2),
  /** What is new for each execution: a process forked from a warm one, or the whole container. */
  level: z.enum(["fork", "container"]).default("fork"),
  /** The system calls of a container: by varft's own list, or by the engine's default. */
  seccomp: z.enum(["own", "engine"]).default("own"),
  /** More Debian packages for the programs, such as `python3-pil`; the image is built with them. */
  packages: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, "write a Debian package"))
    .max(32)
    .default([]),
  /** Another runtime of the Docker engine, such as `runsc`. */
  runtime: z.string().min(1).optional(),
  /** Answer an equal program on an equal image from what the run has executed already. */
  memo: z.boolean().default(true),
  limits: executionLimits.prefault({}),
  container: containerLimits.prefault({}),
});

const storage = z.strictObject({
  /** Gradients of a step up to this size are stored; of larger ones only the hash. */
  gradientBytesMax: z
    .int()
    .min(0)
    .max(2 ** 40),
  /** Steps from one stored optimizer state to the next. */
  optimizerEverySteps: count(stepsMax),
  /** The file of the key that signs checkpoints; by default `signing-key` in the runs folder. */
  signingKey: z.string().min(1).optional(),
});

export const bus = z.strictObject({
  /** A NATS server that is there already; without it the run starts a private one. */
  url: z
    .string()
    .regex(/^(nats|tls):\/\/\S+$/, "write nats://HOST:PORT")
    .optional(),
});

/**
 * The file, key for key (in camel case); `contradictions/` says what cannot stand together in it.
 */
export const runSections = z.strictObject({
  /** `strict`: workers of another numeric class are refused. */
  determinism: z.enum(["strict", "tolerance"]).default("strict"),
  run,
  model,
  /** What is evaluated, where that is not the checkpoint itself. */
  policy: recordedPolicy.optional(),
  tune,
  tasks,
  rollout,
  learner,
  reward,
  evaluation: evaluation.prefault({}),
  sandbox: sandbox.prefault({}),
  search,
  storage,
  bus: bus.prefault({}),
});

/** A run's configuration, complete and checked. */
export type RunConfig = z.infer<typeof runSections>;
