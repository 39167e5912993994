// The direction of a step: the sum of the gradients of its minibatches, in their order; and how
// much two of them agree.
import { EvidenceError, GradientSum, type Tensors } from "../../actors/index.ts";

/** The sum of `gradients`; null where there is none. */
export async function directionOf(
  gradients: Iterable<Tensors> | AsyncIterable<Tensors>,
): Promise<Tensors | null> {
  const sum = new GradientSum();
  let count = 0;
  for await (const gradient of gradients) {
    sum.add(gradient);
    count += 1;
  }
  return count === 0 ? null : sum.take();
}

/** How two directions lie to each other. */
export interface Agreement {
  /** −1 to 1; null where one of them is 0 everywhere. */
  readonly cosine: number | null;
  /** Euclidean lengths. */
  readonly norms: readonly [number, number];
}

/** Compares two directions over the same tensors; sums in float64, tensor by tensor. */
export function agreementOf(a: Tensors, b: Tensors): Agreement {
  let [product, squaresOfA, squaresOfB] = [0, 0, 0];
  for (const [name, values] of a) {
    const others = b.get(name);
    if (others?.length !== values.length) {
      throw new EvidenceError(`the gradients of ${name} have different shapes`);
    }
    for (let index = 0; index < values.length; index++) {
      const [x, y] = [values[index] as number, others[index] as number];
      product += x * y;
      squaresOfA += x * x;
      squaresOfB += y * y;
    }
  }
  const norms = [Math.sqrt(squaresOfA), Math.sqrt(squaresOfB)] as const;
  if (squaresOfA === 0 || squaresOfB === 0) return { cosine: null, norms };
  // One root of the product: of equal directions it gives exactly 1. Rounding may pass 1 by a hair.
  const cosine = product / Math.sqrt(squaresOfA * squaresOfB);
  return { cosine: Math.max(-1, Math.min(1, cosine)), norms };
}
