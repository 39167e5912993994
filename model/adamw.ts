// AdamW (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2) in float32.
//   A1. Every intermediate is rounded to float32 and only + - * / and the square root occur, which
//       IEEE 754 defines to the last bit: equal inputs give equal bytes on every machine. What
//       is too small for float32's normal numbers becomes zero, by our own hand: a thread that has
//       opened an onnxruntime session flushes such values for good, one that has not keeps them.
//   A2. Nothing that is passed in is changed.
//   A3. The order of tensors is the order of keys in `parameters`, and it alone fixes the sum
//       below.
import { TensorError } from "./errors.ts";
import type { TensorMap } from "./qwen/index.ts";

/** Settings of one step. */
export interface AdamSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled decay per step, scaled by the learning rate; tensors with one axis have none. */
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm; Infinity leaves them alone. */
  readonly gradientNormMax: number;
}

/** Moments of the gradient by parameter, and the number of steps taken. */
export interface AdamState {
  readonly step: number;
  readonly first: TensorMap;
  readonly second: TensorMap;
}

/** The outcome of a step. */
export interface AdamStep {
  readonly parameters: TensorMap;
  readonly state: AdamState;
  /** Global norm of the gradient before it was scaled. */
  readonly gradientNorm: number;
}

const { abs, sqrt } = Math;

/** 2^-126, float32's least normal number. */
const normalMin = 2 ** -126;

/** Rounds to float32; what is smaller than its normal numbers becomes a zero of the same sign. */
function fround(value: number): number {
  return abs(value) < normalMin ? value * 0 : Math.fround(value);
}

/** Moments of zero for `parameters`. */
export function initialAdamState(parameters: TensorMap): AdamState {
  const zeros = () =>
    new Map([...parameters].map(([name, values]) => [name, new Float32Array(values.length)]));
  return { step: 0, first: zeros(), second: zeros() };
}

/**
 * The norm over all tensors: squares are added in float32 within blocks of 256 neighbouring values,
 * block sums within their tensor, tensor sums in the order of `gradients`.
 */
export function globalNorm(gradients: TensorMap): number {
  let total = 0;
  for (const values of gradients.values()) total = fround(total + sumOfSquares(values));
  return fround(sqrt(total));
}

const normBlockLength = 256;

function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (let start = 0; start < values.length; start += normBlockLength) {
    const end = Math.min(values.length, start + normBlockLength);
    let block = 0;
    for (let at = start; at < end; at++) {
      const value = values[at] ?? 0;
      block = fround(block + fround(value * value));
    }
    sum = fround(sum + block);
  }
  return sum;
}

/**
 * One step. `decayed` tells which parameters decay (weight matrices do, norms and biases do not).
 */
export function adamStep(
  parameters: TensorMap,
  gradients: TensorMap,
  state: AdamState,
  settings: AdamSettings,
  decayed: (name: string) => boolean = isMatrixName,
): AdamStep {
  const gradientNorm = globalNorm(gradients);
  const limit = fround(settings.gradientNormMax);
  const scale = gradientNorm > limit ? fround(limit / gradientNorm) : 1;
  const step = state.step + 1;
  const next = { parameters: new Map(), first: new Map(), second: new Map() } satisfies Record<
    string,
    Map<string, Float32Array>
  >;
  const factors = stepFactors(settings, step, scale);
  for (const [name, values] of parameters) {
    const gradient = tensorOf(gradients, name, values.length);
    const first = tensorOf(state.first, name, values.length);
    const second = tensorOf(state.second, name, values.length);
    const decay = decayed(name) ? factors.decay : 1;
    const updated = updateTensor({ values, gradient, first, second }, { ...factors, decay });
    next.parameters.set(name, updated.values);
    next.first.set(name, updated.first);
    next.second.set(name, updated.second);
  }
  const { first, second } = next;
  return { parameters: next.parameters, state: { step, first, second }, gradientNorm };
}

/** Whether a parameter of this name is a matrix: everything but norms and biases. */
export function isMatrixName(name: string): boolean {
  return !/(\.bias|norm\d?\.weight|layernorm\.weight|ln_q\.weight)$/.test(name);
}

interface StepFactors {
  readonly scale: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly rest1: number;
  readonly rest2: number;
  /** learningRate / (1 - beta1^step) */
  readonly rate: number;
  /** 1 / (1 - beta2^step) */
  readonly correction: number;
  readonly epsilon: number;
  /** 1 - learningRate * weightDecay */
  readonly decay: number;
}

function stepFactors(settings: AdamSettings, step: number, scale: number): StepFactors {
  const beta1 = fround(settings.beta1);
  const beta2 = fround(settings.beta2);
  const learningRate = fround(settings.learningRate);
  return {
    scale,
    beta1,
    beta2,
    rest1: fround(1 - beta1),
    rest2: fround(1 - beta2),
    rate: fround(learningRate / fround(1 - power(beta1, step))),
    correction: fround(1 / fround(1 - power(beta2, step))),
    epsilon: fround(settings.epsilon),
    decay: fround(1 - fround(learningRate * fround(settings.weightDecay))),
  };
}

/**
 * base^exponent by squaring, every product rounded: the library's power is not the same everywhere.
 */
function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = fround(result * square);
    square = fround(square * square);
  }
  return result;
}

interface TensorState {
  readonly values: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

function updateTensor(
  { values, gradient, first, second }: TensorState & { readonly gradient: Float32Array },
  factors: StepFactors,
): TensorState {
  const { scale, beta1, beta2, rest1, rest2, rate, correction, epsilon, decay } = factors;
  const next = {
    values: new Float32Array(values.length),
    first: new Float32Array(values.length),
    second: new Float32Array(values.length),
  };
  for (let at = 0; at < values.length; at++) {
    const g = fround((gradient[at] ?? 0) * scale);
    const m = fround(fround(beta1 * (first[at] ?? 0)) + fround(rest1 * g));
    const v = fround(fround(beta2 * (second[at] ?? 0)) + fround(rest2 * fround(g * g)));
    const size = fround(fround(sqrt(fround(v * correction))) + epsilon);
    const kept = fround((values[at] ?? 0) * decay);
    next.first[at] = m;
    next.second[at] = v;
    next.values[at] = fround(kept - fround(fround(rate * m) / size));
  }
  return next;
}

function tensorOf(tensors: TensorMap, name: string, length: number): Float32Array {
  const values = tensors.get(name);
  if (values?.length === length) return values;
  throw new TensorError(name, `expected ${length} values, got ${values?.length ?? "nothing"}`);
}
