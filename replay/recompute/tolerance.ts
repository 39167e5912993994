// What may differ where a run is computed again on another numeric class: kernels of another
// instruction set or device add in another order. Everything here is said beside the verdict.

/** Of a token's log-prob, nats. */
export const logProbTolerance = 1e-3;
/** Of a logged figure: this much, or this share of it. */
export const figureTolerance = 1e-3;
/** Of a gradient: the norm of the difference as a share of its norm. */
export const gradientTolerance = 1e-2;

/** The first figure that is further off than the tolerance; null where all are near. */
export function farFigure(
  recorded: Readonly<Record<string, unknown>>,
  derived: Readonly<Record<string, unknown>>,
): string | null {
  for (const [key, value] of Object.entries(recorded)) {
    const again = derived[key];
    if (typeof value !== "number" || typeof again !== "number") continue;
    const distance = Math.abs(value - again);
    if (distance <= figureTolerance * Math.max(1, Math.abs(value))) continue;
    return `${key} is recorded as ${value} and comes out as ${again}`;
  }
  return null;
}

/** |a − b| / |a| over all tensors. */
export function relativeDistance(
  a: ReadonlyMap<string, Float32Array>,
  b: ReadonlyMap<string, Float32Array>,
): number {
  let distance = 0;
  let norm = 0;
  for (const [name, values] of a) {
    const others = b.get(name) ?? new Float32Array(values.length);
    for (const [index, value] of values.entries()) {
      distance += (value - (others[index] ?? 0)) ** 2;
      norm += value ** 2;
    }
  }
  return norm === 0 ? Math.sqrt(distance) : Math.sqrt(distance / norm);
}
