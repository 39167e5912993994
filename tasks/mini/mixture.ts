// How often each kind of task is drawn, for the warm start, for GRPO and for each evaluation set.
import type { RandomStream } from "../../events/index.ts";
import { degradations, pairsKeptOut, pairsTrained } from "./kinds.ts";
import type { MiniKind } from "./task.ts";

/** Weights of kinds; they need not sum to one. */
export type Mixture = readonly (readonly [kind: MiniKind, weight: number])[];

const each = (kinds: readonly MiniKind[], total: number): Mixture =>
  kinds.map((kind) => [kind, total / kinds.length]);

const singles: Mixture = [
  ["search", 0.28],
  ["none", 0.16],
  ["crop", 0.07],
  ...each(degradations, 0.49),
];

/** What takes the most lessons: cutting out the asked field, and seeing which way up. */
const warmup: Mixture = [
  ["search", 0.22],
  ["none", 0.18],
  ["crop", 0.14],
  ...each(["rotation90", "rotation180"], 0.26),
  ...each(["dark", "overexposure", "blur", "noise"], 0.24),
];

/** The mixtures by name. Pairs are never part of `warmup`. */
export const mixtures = {
  warmup,
  train: [...singles, ...each(pairsTrained, 0.2)],
  singles,
  pairs: each(pairsTrained, 1),
  "pairs-kept-out": each(pairsKeptOut, 1),
} as const satisfies Readonly<Record<string, Mixture>>;

export type MixtureName = keyof typeof mixtures;

/** Draws a kind by weight. */
export function drawKind(random: RandomStream, mixture: Mixture): MiniKind {
  const total = mixture.reduce((sum, [, weight]) => sum + weight, 0);
  let rest = random.uniform() * total;
  for (const [kind, weight] of mixture) {
    rest -= weight;
    if (rest < 0) return kind;
  }
  return mixture.at(-1)?.[0] ?? "none";
}
