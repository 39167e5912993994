// Every event type, its current version and the shape of its data. This table is the vocabulary:
// an event that is not here cannot be appended. `observed` holds what was merely seen (times,
// places, durations) and is no part of a run's result (invariant I4).
import { z } from "zod";
import { TerminalError } from "./errors.ts";
import { parent } from "./parent-schema.ts";
import { count, hash } from "./schema-parts.ts";
import { currentVersion } from "./upcasters.ts";

/** Names as their bytes (`packHashes`). */
const hashes = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length > 0 && value.length % 32 === 0,
);
const int32Array = z.custom<Int32Array>((value) => value instanceof Int32Array);
const float32Array = z.custom<Float32Array>((value) => value instanceof Float32Array);
const observed = z.record(z.string(), z.unknown()).optional();

/** What must be equal for two runs to be comparable bit by bit (invariant I4). */
const numericClass = z.strictObject({
  code: z.string(),
  onnxruntime: z.string(),
  device: z.string(),
  sandbox: z.string(),
  /** Who samples, where it is a server: its kind and version. Its tokens cannot be recomputed. */
  engine: z.string().optional(),
  /** The learner's device, where that is of another class than the rollouts'. */
  learner: z.string().optional(),
});

/** One task as it was played: all that the judge and a later reader need, images by hash. */
const task = z.strictObject({
  id: z.string(),
  task: z.enum(["coding", "search"]),
  kind: z.string(),
  question: z.string(),
  answers: z.array(z.string()),
  /** null: the question is about no image. */
  image: hash.nullable(),
  /** The clean image that the right repair would give, where there is one. */
  reference: hash.nullable(),
  /** Searches that a teacher made, where the rows tell. */
  queries: z.array(z.string()).optional(),
  /** Set where the task is one step of a teacher's trajectory and no whole one. */
  step: z
    .strictObject({
      /** What stands behind the instructions: the query, and what was said so far. */
      prompt: z.string(),
      /** The teacher's action in its tag. */
      solution: z.string(),
      /** Its thought and action, where the rows tell. */
      demonstration: z.string().nullable(),
    })
    .optional(),
});

const sampling = z.strictObject({
  temperature: z.number().positive(),
  greedy: z.boolean(),
  /**
   * False: the tool hands back its input unchanged, a control that shows what the tool is worth.
   */
  tools: z.boolean(),
  /**
   * How an evaluation asks where it does not let the agent act: for the answer alone, for a chain
   * of thought and the answer, or for the answer after one search with the question. Left out: the
   * agent acts.
   */
  mode: z.enum(["direct", "cot", "rag"]).optional(),
});

const samples = z.int().positive();

const component = z.strictObject({
  name: z.string(),
  value: z.number(),
  weight: z.number(),
  /** `name@version` of the function that gave the value. */
  function: z.string(),
});

const summary = z.strictObject({
  n: count,
  em: z.number(),
  f1: z.number(),
  format: z.number(),
  kinds: z.record(z.string(), z.strictObject({ n: count, em: z.number(), f1: z.number() })),
  /**
   * Share of degraded images that ended within the pixel tolerance of the reference repair, 0–100.
   */
  repaired: z.number().nullable(),
  /** Share of clean images on which a tool was called, 0–100. */
  needlessCalls: z.number().nullable(),
});

/** Each type's schema of `data` in its current version (`upcasters.ts`). */
export const eventSchemas = {
  "run.started": z.strictObject({
    run: z.string(),
    seed: count,
    config: z.record(z.string(), z.unknown()),
    numericClass,
    base: hash,
    policy: hash,
    optimizer: hash,
    /** Of a fork. */
    parent: parent.optional(),
    observed,
  }),
  "step.planned": z.strictObject({
    step: count,
    policy: hash,
    samples: count,
    sampling,
    tasks: z.array(task),
    observed,
  }),
  "evaluation.planned": z.strictObject({
    evaluation: count,
    name: z.string(),
    policy: hash,
    sampling,
    tasks: count,
    /** Trajectories per task. */
    samples,
    observed,
  }),
  "run.completed": z.strictObject({ steps: count, policy: hash, observed }),
  "evaluation.started": z.strictObject({
    evaluation: count,
    name: z.string(),
    policy: hash,
    sampling,
    tasks: z.array(task),
    samples,
    observed,
  }),
  "evaluation.completed": z.strictObject({
    evaluation: count,
    name: z.string(),
    policy: hash,
    summary,
    observed,
  }),
  "trajectory.started": z.strictObject({
    policy: hash,
    task: z.string(),
    sampling,
    /** The prompt, image placeholders expanded. */
    ids: int32Array,
    images: z.array(hash),
    /**
     * Set where a server that speaks no token ids samples: all ids of the trajectory are then
     * Unicode code points, and marks above them for roles, ends and images.
     */
    units: z.literal("code-points").optional(),
    observed,
  }),
  "turn.sampled": z.strictObject({
    turn: count,
    policy: hash,
    ids: int32Array,
    logProbs: float32Array,
    /** Mean entropy of the sampled tokens' distributions, nats. */
    entropy: z.number(),
    finish: z.enum(["stop", "length"]),
    /** True where the server tells no log-probs: `logProbs` is empty then, and `entropy` 0. */
    unscored: z.literal(true).optional(),
    observed,
  }),
  "tool.called": z.strictObject({
    turn: count,
    tool: z.enum(["python", "search"]),
    input: z.string(),
    image: hash.nullable(),
    observed,
  }),
  "tool.returned": z.strictObject({
    turn: count,
    tool: z.enum(["python", "search"]),
    cause: z.string(),
    text: z.string(),
    image: hash.nullable(),
    observed,
  }),
  /** What the environment appended to the context before the next turn. Carries no loss. */
  "turn.prompted": z.strictObject({
    turn: count,
    ids: int32Array,
    images: z.array(hash),
    /** True where they take the place of the whole context. */
    fresh: z.literal(true).optional(),
    observed,
  }),
  "trajectory.ended": z.strictObject({
    cause: z.enum(["answered", "malformed", "turn-limit", "context-limit"]),
    answer: z.string().nullable(),
    turns: count,
    calls: count,
    observed,
  }),
  "reward.assigned": z.strictObject({
    trajectory: z.string(),
    components: z.array(component),
    reward: z.number(),
    em: z.number(),
    f1: z.number(),
    /** Mean absolute pixel difference of the last image to the reference repair, 0–255. */
    pixelError: z.number().nullable(),
    /** True where the components are those of the teacher's words and not of the model's. */
    injected: z.literal(true).optional(),
    observed,
  }),
  "batch.assembled": z.strictObject({
    step: count,
    /** What is learned from here on; without a policy lag also what the step was played with. */
    policy: hash,
    /** With a policy lag: what the step was played with. */
    playedPolicy: hash.optional(),
    optimizer: hash,
    /** Trajectory streams, ordered by (group, sample). */
    trajectories: z.array(z.string()),
    rewards: float32Array,
    /** Where length is punished: the rewards with it, which the advantages come from. */
    shapedRewards: float32Array.optional(),
    /** Of each trajectory; where its turns have their own, their mean. */
    advantages: float32Array,
    /** Per trajectory those of its turns, where they have advantages of their own. */
    turnAdvantages: z.array(float32Array).optional(),
    /** Without spread: nothing to learn from. */
    droppedGroups: z.array(count),
    /** With spread, but more than are wanted (`rollout.oversampling`). */
    surplusGroups: z.array(count).optional(),
    /** Per minibatch the indices into `trajectories`, in the order of the sum. */
    minibatches: z.array(int32Array),
    observed,
  }),
  "gradient.computed": z.strictObject({
    step: count,
    minibatch: count,
    tokens: count,
    loss: z.number(),
    policyLoss: z.number(),
    /** To the reference policy, nats per token; 0 without a KL term. */
    kl: z.number(),
    /** From the policy before the step to the one of this minibatch, nats per token. */
    klOld: z.number(),
    entropy: z.number(),
    ratioMean: z.number(),
    ratioMax: z.number(),
    clipFraction: z.number(),
    /** Largest and mean |sampler − old| log-prob over loss-carrying tokens, nats. */
    mismatchMax: z.number(),
    mismatchMean: z.number(),
    /**
     * With KL in the reward: what each trajectory of the minibatch lost, in its order. The
     * advantages were computed again from what was left.
     */
    penalties: float32Array.optional(),
    gradientNorm: z.number(),
    learningRate: z.number(),
    /** The content name of the gradient (safetensors bytes); stored as a blob if `stored`. */
    gradient: hash,
    stored: z.boolean(),
    observed,
  }),
  "policy.updated": z.strictObject({
    step: count,
    policyBefore: hash,
    policyAfter: hash,
    optimizerBefore: hash,
    optimizerAfter: hash,
    /** True where the optimizer state itself is a blob, not only its hash. */
    optimizerStored: z.boolean(),
    observed,
  }),
  /** Placement and life of a process; no part of the result. */
  "actor.registered": z.strictObject({ role: z.string(), numericClass, observed }),
  "actor.ended": z.strictObject({ role: z.string(), cause: z.string(), observed }),
  /** The life of the sandbox's pool: few events, however many executions there are. */
  "sandbox.opened": z.strictObject({
    level: z.string(),
    /** Containers at most. */
    size: count,
    /** What programs run on. */
    digest: z.string(),
    observed,
  }),
  "sandbox.resized": z.strictObject({
    /** Containers before and after. */
    from: count,
    to: count,
    cause: z.enum(["calls", "quiet"]),
    observed,
  }),
  "container.lost": z.strictObject({
    cause: z.string(),
    during: z.enum(["start", "call", "rest", "cleaning"]),
    observed,
  }),
  "container.replaced": z.strictObject({ waitMs: z.number().nonnegative(), observed }),
  "sandbox.drained": z.strictObject({
    /** Containers that were opened, and those of them that were lost. */
    opened: count,
    lost: count,
    executions: count,
    observed,
  }),
  /** Blobs that were stored once and may be gone; no part of the result. */
  "blobs.pruned": z.strictObject({
    /** What was kept, in the words of the command. */
    rule: z.string(),
    names: hashes,
    observed,
  }),
} as const;

export type EventType = keyof typeof eventSchemas;

/** The data of an event of type `T`. */
export type EventData<T extends EventType> = z.infer<(typeof eventSchemas)[T]>;

/** An event of type `T` as an actor hands it to `append`. */
export interface TypedEvent<T extends EventType = EventType> {
  readonly type: T;
  readonly v: number;
  readonly data: EventData<T>;
}
export type NumericClass = z.infer<typeof numericClass>;
export type Task = z.infer<typeof task>;
export type Sampling = z.infer<typeof sampling>;
export type RewardComponent = z.infer<typeof component>;
export type EvaluationSummary = z.infer<typeof summary>;

/** Whether the vocabulary has this type. */
export function isEventType(type: string): type is EventType {
  return Object.hasOwn(eventSchemas, type);
}

/** An event whose data does not fit its schema, or whose type is not in the vocabulary. */
export class EventSchemaError extends TerminalError {
  constructor(type: string, reason: string) {
    super("event-schema", `event ${type} does not fit its schema: ${reason}`);
  }
}

/** Builds an event of the current version, its data checked. Throws `EventSchemaError`. */
export function event<T extends EventType>(type: T, data: EventData<T>): TypedEvent<T> {
  return { type, v: currentVersion(type), data: parseEventData(type, data) };
}

/** Checks `data` against the schema of `type`. Throws `EventSchemaError` naming the key. */
export function parseEventData<T extends EventType>(type: T, data: unknown): EventData<T> {
  const schema = isEventType(type) ? eventSchemas[type] : null;
  if (schema === null) throw new EventSchemaError(type, "unknown type");
  const parsed = schema.safeParse(data);
  if (!parsed.success) throw new EventSchemaError(type, z.prettifyError(parsed.error));
  return parsed.data as EventData<T>;
}
