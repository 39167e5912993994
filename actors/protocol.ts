// What processes of a run ask each other, and under which subjects. Every message is checked on
// arrival: the bus carries what anyone on it may have sent.
//
//   head            fault                what failed at a worker
//   head            state                anybody asks what lives now
//   tool-executor   execute              Rollout has a tool called
//   <worker>        play, learn          the head hands out work; the answer is a receipt
//
// Workers register with the runtime's registry, and read in the ledger what the run is.
import { z } from "zod";
import {
  type HashName,
  isHashName,
  type Sampling,
  type StepName,
  type Task,
} from "../events/index.ts";
import { type Bus, type RequestOptions, type Subscription, subjectOf } from "../runtime/index.ts";
import { MessageError } from "./errors.ts";

/** Which run on which bus. */
export interface RunAddress {
  readonly cluster: string;
  readonly run: string;
}

/** The actors of the head process on the bus. */
export const headActor = "head";
export const toolActor = "tool-executor";

/** What a worker is for. */
export type WorkerRole = "rollout" | "learner";

/** Time that an answer to a tool call may take, per attempt, in milliseconds. */
export const toolTimeoutMs = 120_000;
/** Groups per order; more go into further orders. */
export const groupsPerOrderMax = 512;

const hash = z.custom<HashName>((value) => typeof value === "string" && isHashName(value));
const count = z.int().nonnegative();
const stepName = z.custom<StepName>(
  (value) =>
    (Number.isSafeInteger(value) && Number(value) >= 0) ||
    (typeof value === "string" && /^e\d{1,9}$/.test(value)),
);
const plain = z.record(z.string(), z.unknown());

const playOrder = z.strictObject({
  step: stepName,
  policy: hash,
  sampling: z.custom<Sampling>((value) => typeof value === "object" && value !== null),
  /** Samples per group. */
  samples: count,
  groups: z
    .array(
      z.strictObject({
        group: count,
        task: z.custom<Task>((value) => typeof value === "object" && value !== null),
      }),
    )
    .max(groupsPerOrderMax),
});

const learnOrder = z.strictObject({
  step: count,
  policy: hash,
  optimizer: hash,
  /** With a policy lag: the policy that the step was played with. */
  played: hash.optional(),
  trajectories: z.array(
    z.strictObject({
      stream: z.string(),
      group: count,
      sample: count,
      reward: z.number(),
      // What only some settings of the learner need.
      parts: z
        .array(z.tuple([z.string(), z.number(), z.number()]).readonly())
        .readonly()
        .optional(),
      tokens: count.optional(),
      truncated: z.boolean().optional(),
      states: z.array(count).readonly().optional(),
    }),
  ),
});

const toolRequest = z.strictObject({
  tool: z.enum(["python", "search"]),
  input: z.string(),
  image: hash.nullable(),
  /** False: python hands back its input unchanged. */
  tools: z.boolean(),
});

const toolReply = z.strictObject({
  cause: z.string(),
  text: z.string(),
  image: hash.nullable(),
  observed: plain,
});

const faultReport = z.strictObject({
  worker: z.string(),
  code: z.string(),
  message: z.string(),
});

const receipt = z.strictObject({ ok: z.literal(true) });

/** What lives now. Spans are milliseconds up to the moment of the answer. */
const headState = z.strictObject({
  pid: count,
  host: z.string(),
  aliveMs: z.number(),
  workers: z.array(
    z.strictObject({
      id: z.string(),
      role: z.string(),
      pid: count,
      host: z.string(),
      device: z.string(),
      state: z.enum(["alive", "gone"]),
      registeredMs: z.number(),
      silentMs: z.number(),
    }),
  ),
  /** null: nothing is played in which a program may be called. */
  sandbox: z
    .strictObject({
      level: z.string(),
      size: count,
      alive: count,
      idle: count,
      opening: count,
      backingOff: count,
      waiting: count,
      opened: count,
      lost: count,
      executions: count,
    })
    .nullable(),
});

/** Every verb, with what is asked and what is answered. */
const verbs = {
  fault: { ask: faultReport, answer: receipt },
  state: { ask: z.strictObject({}), answer: headState },
  play: { ask: playOrder, answer: receipt },
  learn: { ask: learnOrder, answer: receipt },
  execute: { ask: toolRequest, answer: toolReply },
} as const;

export type Verb = keyof typeof verbs;
export type Ask<V extends Verb> = z.infer<(typeof verbs)[V]["ask"]>;
export type Answer<V extends Verb> = z.infer<(typeof verbs)[V]["answer"]>;

export type PlayOrder = Ask<"play">;
export type LearnOrder = Ask<"learn">;
export type ToolRequest = Ask<"execute">;
export type ToolReply = Answer<"execute">;
export type FaultReport = Ask<"fault">;
export type HeadState = Answer<"state">;

/** The receipt of an order: it is being carried out; the ledger tells when it is done. */
export const received = { ok: true } as const;

/** The messages of one run over a bus. */
export class Messenger {
  readonly #bus: Bus;
  readonly #address: RunAddress;

  constructor(bus: Bus, address: RunAddress) {
    this.#bus = bus;
    this.#address = address;
  }

  /** Asks `actor`. Repeated under one id until answered; throws what the other side threw. */
  async ask<V extends Verb>(
    actor: string,
    verb: V,
    message: Ask<V>,
    options: RequestOptions = {},
  ): Promise<Answer<V>> {
    const subject = subjectOf({ ...this.#address, actor }, verb);
    return check(verb, verbs[verb].answer, await this.#bus.request(subject, message, options));
  }

  /** Answers what `actor` is asked. */
  serve<V extends Verb>(
    actor: string,
    verb: V,
    answer: (message: Ask<V>) => Promise<Answer<V>>,
  ): Subscription {
    const subject = subjectOf({ ...this.#address, actor }, verb);
    return this.#bus.serve(subject, async (payload) =>
      answer(check(verb, verbs[verb].ask, payload)),
    );
  }
}

// The table ties each verb to its schemas; TypeScript cannot follow that through an index.
function check<T>(verb: Verb, schema: z.ZodType, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new MessageError(verb, z.prettifyError(parsed.error));
  return parsed.data as T;
}
