// What of a run's large blobs is kept: rules in words, such as `gradients=last:10`.
import { TerminalError } from "../../events/index.ts";

/**
 * The kinds of blobs that may be pruned. Images are not among them: they are what was seen, every
 * reward and every turn is about them, and they are small beside the rest.
 */
export const prunableKinds = ["gradients", "policies", "optimizers"] as const;

export type PrunableKind = (typeof prunableKinds)[number];

/** What is kept of a kind: nothing, the last steps, or every so many steps. */
export type Keep =
  | { readonly type: "none" }
  | { readonly type: "last"; readonly steps: number }
  | { readonly type: "every"; readonly steps: number };

/** What is kept, by kind. Several rules of a kind keep what any of them keeps; none: everything. */
export type KeepRules = ReadonlyMap<PrunableKind, readonly Keep[]>;

/** Words that are no rule. */
export class KeepRuleError extends TerminalError {
  constructor(text: string, reason: string) {
    super("keep-rule", `"${text}" ${reason}; write KIND=none, KIND=last:N or KIND=every:N`);
  }
}

const stepsMax = 1_000_000_000;

/**
 * Reads rules such as `gradients=none` and `policies=every:20`.
 * @throws {KeepRuleError}
 */
export function parseKeepRules(texts: readonly string[]): KeepRules {
  const rules = new Map<PrunableKind, Keep[]>();
  for (const text of texts) {
    const [kind = "", words = ""] = text.split("=", 2);
    if (!isPrunable(kind)) {
      throw new KeepRuleError(text, `names no kind of ${prunableKinds.join(", ")}`);
    }
    rules.set(kind, [...(rules.get(kind) ?? []), parseKeep(text, words)]);
  }
  for (const [kind, keeps] of rules) {
    if (keeps.length < 2 || keeps.every(({ type }) => type !== "none")) continue;
    throw new KeepRuleError(`${kind}=none`, "contradicts the other rule of its kind");
  }
  return rules;
}

/** The rules in their words, one way: what a ledger records. */
export function keepRulesText(rules: KeepRules): string {
  return prunableKinds
    .flatMap((kind) => (rules.get(kind) ?? []).map((keep) => `${kind}=${keepText(keep)}`))
    .join(" ");
}

/** Whether the rules keep what step `step` has stored, in a run that has learned `last` steps. */
export function keeps(rules: KeepRules, kind: PrunableKind, step: number, last: number): boolean {
  const ofKind = rules.get(kind);
  if (ofKind === undefined) return true;
  return ofKind.some((keep) => {
    if (keep.type === "none") return false;
    return keep.type === "last" ? step > last - keep.steps : step % keep.steps === 0;
  });
}

function parseKeep(text: string, words: string): Keep {
  if (words === "none") return { type: "none" };
  const [, type, digits = ""] = /^(last|every):(\d{1,9})$/.exec(words) ?? [];
  const steps = Number(digits);
  if ((type !== "last" && type !== "every") || steps < 1 || steps > stepsMax) {
    throw new KeepRuleError(text, "says nothing that can be kept");
  }
  return { type, steps };
}

function keepText(keep: Keep): string {
  return keep.type === "none" ? keep.type : `${keep.type}:${keep.steps}`;
}

function isPrunable(kind: string): kind is PrunableKind {
  return (prunableKinds as readonly string[]).includes(kind);
}
