// What the learner asks of the model room. Each interface has a real and a scripted implementation.
import type { TrainingSample } from "./samples.ts";

/** Named parameters or gradients, in the model's fixed order. */
export type Tensors = ReadonlyMap<string, Float32Array>;

/** A training sample with what its loss needs, one entry per masked position. */
export interface GradientRow {
  readonly sample: TrainingSample;
  readonly advantages: Float32Array;
  readonly old: Float32Array;
  /** Importance weights between sampler and learner. */
  readonly weights: Float32Array;
  /** Log-probs of the reference policy; null without a KL term. */
  readonly reference: Float32Array | null;
  /**
   * The derivative of the loss with respect to each current log-prob, divisor included: then the
   * gradient is that of Σ slope · log-prob, and all else is left aside. Null: the graph computes
   * the loss itself.
   */
  readonly slopes: Float64Array | null;
}

/** What shapes a gradient besides its rows; without slopes, of the loss that is the default. */
export interface GradientSettings {
  readonly temperature: number;
  readonly clipLow: number;
  readonly clipHigh: number;
  /** β of k3 in the loss; 0: no reference policy. */
  readonly klCoefficient: number;
  /** N, the loss-carrying tokens of the whole minibatch: the divisor of the sum. */
  readonly tokens: number;
}

/** The gradient of a micro-batch, and what was seen on the way. */
export interface MicroGradient {
  readonly gradient: Tensors;
  /** Current log-probs, per row, one per masked position. */
  readonly logProbs: readonly Float32Array[];
  /** Entropies of the distributions, nats, likewise. */
  readonly entropies: readonly Float32Array[];
}

/** The policy, as far as the learner needs it: pure functions of the parameters. */
export interface PolicyTrainer {
  /** Rows per micro-batch, at most. */
  readonly rowsMax: number;
  /** Canonical bytes: equal parameters, equal bytes. */
  encodePolicy(policy: Tensors): Uint8Array;
  /** Throws where the bytes are not a policy of this model. */
  decodePolicy(bytes: Uint8Array): Tensors;
  logProbs(
    policy: Tensors,
    samples: readonly TrainingSample[],
    temperature: number,
  ): Promise<readonly Float32Array[]>;
  gradient(
    policy: Tensors,
    rows: readonly GradientRow[],
    settings: GradientSettings,
  ): Promise<MicroGradient>;
}

/** A policy and its optimizer's state. */
export interface LearnerState<S> {
  readonly policy: Tensors;
  readonly optimizer: S;
}

/** The optimizer: deterministic float32, clipping included. Changes nothing that it is given. */
export interface PolicyOptimizer<S> {
  step(
    state: LearnerState<S>,
    gradient: Tensors,
    learningRate: number,
  ): { readonly state: LearnerState<S>; readonly gradientNorm: number };
  /** Canonical bytes of a state. */
  encode(optimizer: S): Uint8Array;
  decode(bytes: Uint8Array): S;
  /** Canonical bytes of a gradient, by the same rules. */
  encodeGradient(gradient: Tensors): Uint8Array;
  decodeGradient(bytes: Uint8Array): Tensors;
}
