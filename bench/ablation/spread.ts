// Figures of several seeds as one. Pure.
import type { RunRecord } from "./record.ts";

/** Values of several seeds. */
export interface Spread {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** In the order of the seeds. */
  readonly values: readonly number[];
}

/** Null without values. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, low: Math.min(...values), high: Math.max(...values), values };
}

/** A figure of a run; null where the run does not have it. */
export type Figure = (run: RunRecord) => number | null;

/** The figure over the runs that have it. */
export function figureOf(runs: readonly RunRecord[], figure: Figure): Spread | null {
  return spreadOf(runs.map(figure).filter((value) => value !== null));
}

/**
 * What a figure gains over that of `base`, seed by seed: equal seeds draw equal tasks. Null where
 * no seed has both.
 */
export function gainOf(
  runs: readonly RunRecord[],
  base: readonly RunRecord[],
  figure: Figure,
): Spread | null {
  const gains = runs.map((run) => {
    const other = base.find(({ seed }) => seed === run.seed);
    const [value, reference] = [figure(run), other === undefined ? null : figure(other)];
    return value === null || reference === null ? null : value - reference;
  });
  return spreadOf(gains.filter((gain) => gain !== null));
}

/** A place of a curve: where, and the values of the seeds there. */
export interface CurvePoint extends Spread {
  readonly x: number;
}

/** Curves of several seeds as one, at the places that all of them have. */
export function curveOf(
  curves: readonly (readonly { readonly x: number; readonly y: number }[])[],
): readonly CurvePoint[] {
  const [first = []] = curves;
  return first.flatMap(({ x }) => {
    const values = curves.map((curve) => curve.find((point) => point.x === x)?.y);
    const known = values.filter((value) => value !== undefined);
    const spread = known.length === curves.length ? spreadOf(known) : null;
    return spread === null ? [] : [{ x, ...spread }];
  });
}
