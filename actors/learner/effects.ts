// What the learner does to the world: reads the batch's trajectories, learns, stores the results.
//
// 1. The weights in memory are replaced only when the fold says that the ledger took them: `learn`
//    leaves its result aside, and the next batch, which names the policy it starts from, takes it
//    up.
// 2. Learning again after a restart gives the same bytes, so the blobs are stored once.
import {
  assert,
  type EventData,
  type EventEnvelope,
  type HashName,
  hashName,
} from "../../events/index.ts";
import type { EffectContext, EffectResult, Effects } from "../../runtime/index.ts";
import { EvidenceError } from "../errors.ts";
import { foldTrajectory } from "../rollout/index.ts";
import { advantageOf, repricing } from "./batch.ts";
import type { LearnerCommand } from "./decide.ts";
import type { AdvantageRule } from "./estimate.ts";
import { type LearnParts, learnStep, type WeighedSample } from "./learn-step.ts";
import type { LearnerContext, learnerMachine } from "./machine.ts";
import type { LearnerState, Tensors } from "./ports.ts";
import { recoverState } from "./recovery.ts";
import { trainingSample } from "./samples.ts";

type Machine = typeof learnerMachine;

export interface LearnerStorage {
  readStream(stream: string): Promise<readonly EventEnvelope[]>;
  readonly blobs: {
    get(name: HashName): Promise<Uint8Array | null>;
    put(bytes: Uint8Array): Promise<HashName>;
  };
}

export interface LearnerEffectsOptions<S> {
  readonly parts: LearnParts<S>;
  readonly storage: LearnerStorage;
  /** How advantages come out of rewards that the KL term has lowered. */
  readonly advantage: AdvantageRule;
  /** The gradients of a step are stored up to so many bytes together; of larger ones the hashes. */
  readonly gradientBytesMax: number;
  /** The optimizer's state is stored every so many steps; 0: never. */
  readonly optimizerEverySteps: number;
}

interface Held<S> {
  readonly policy: HashName;
  readonly optimizer: HashName;
  readonly state: LearnerState<S>;
}

/** The effects of the learner. They hold the weights between batches. */
export function learnerEffects<S>(
  options: LearnerEffectsOptions<S>,
): Effects<Machine, LearnerCommand> {
  const weights = new Weights(options);
  return {
    learn: (_, context) => learn(options, weights, context),
  };
}

/** The state in force and the one that waits for its acknowledgement. */
class Weights<S> {
  readonly #options: LearnerEffectsOptions<S>;
  #held: readonly Held<S>[] = [];

  constructor(options: LearnerEffectsOptions<S>) {
    this.#options = options;
  }

  /** The state that the batch in `context` starts from. */
  async at(context: LearnerContext): Promise<LearnerState<S>> {
    const { policy, optimizer } = context;
    const held = this.#held.find((one) => one.policy === policy && one.optimizer === optimizer);
    if (held !== undefined) {
      this.#held = [held];
      return held.state;
    }
    assert(policy !== null && optimizer !== null, "a batch names its policy and optimizer");
    const { parts, storage } = this.#options;
    const readBlob = (name: HashName) => storage.blobs.get(name);
    const { trainer } = parts;
    const state = await recoverState({ trainer, optimizer: parts.optimizer, readBlob }, context);
    this.#held = [{ policy, optimizer, state }];
    return state;
  }

  /** Keeps what a step has learned until a batch starts from it. */
  keep(learned: Held<S>): void {
    this.#held = [...this.#held.slice(0, 1), learned];
  }
}

async function learn<S>(
  options: LearnerEffectsOptions<S>,
  weights: Weights<S>,
  { state: { context } }: EffectContext<Machine>,
): Promise<EffectResult<LearnerCommand>> {
  const { batch } = context;
  assert(batch !== null, "there is a batch to learn from");
  const { parts, storage, optimizerEverySteps } = options;
  const start = await weights.at(context);
  const minibatches = await readMinibatches(storage, batch);
  const extras = {
    reprice: repricing(batch, options.advantage),
    played: await playedPolicy(options, batch),
  };
  const { state, gradients } = await learnStep(parts, batch.step, start, minibatches, extras);
  const policyBytes = parts.trainer.encodePolicy(state.policy);
  const optimizerBytes = parts.optimizer.encode(state.optimizer);
  const policyAfter = hashName(policyBytes);
  const optimizerAfter = hashName(optimizerBytes);
  const optimizerStored = optimizerEverySteps > 0 && batch.step % optimizerEverySteps === 0;
  const size = gradients.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const stored = size <= options.gradientBytesMax;
  const blobs = stored ? gradients.map(({ bytes }) => bytes) : [];
  if (policyAfter !== batch.policy) blobs.push(policyBytes);
  if (optimizerStored) blobs.push(optimizerBytes);
  await Promise.all(blobs.map((bytes) => storage.blobs.put(bytes)));
  weights.keep({ policy: policyAfter, optimizer: optimizerAfter, state });
  return {
    type: "learned",
    step: batch.step,
    gradients: gradients.map(({ data }) => ({ ...data, stored })),
    policyAfter,
    optimizerAfter,
    optimizerStored,
  };
}

/** The policy that the batch was played with; null where learning starts from the same one. */
async function playedPolicy<S>(
  { parts, storage }: LearnerEffectsOptions<S>,
  { policy, playedPolicy: name }: EventData<"batch.assembled">,
): Promise<Tensors | null> {
  if (name === undefined || name === policy) return null;
  const bytes = await storage.blobs.get(name);
  if (bytes === null) throw new EvidenceError(`the policy ${name} is not stored`);
  return parts.trainer.decodePolicy(bytes);
}

/** The trajectories of the minibatches as samples; those of dropped groups are not read. */
async function readMinibatches(
  storage: LearnerStorage,
  batch: EventData<"batch.assembled">,
): Promise<WeighedSample[][]> {
  const read = async (index: number): Promise<WeighedSample> => {
    const stream = batch.trajectories[index];
    assert(stream !== undefined, `the batch has no trajectory ${index}`);
    const context = foldTrajectory(stream, await storage.readStream(stream));
    return { sample: trainingSample(context), advantage: advantageOf(batch, index) };
  };
  return Promise.all(batch.minibatches.map((members) => Promise.all(Array.from(members, read))));
}
