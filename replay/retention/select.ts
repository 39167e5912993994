// Which blobs of a run may go. A fold over its events, and a pure choice at its end.
//
// 1. A blob goes only if every event that stores it lets it go: equal bytes are one blob.
// 2. What the run needs to go on always stays, whatever the rules: what it started from, the last
//    optimizer state that was stored with its policy and every gradient since, and the policies
//    that the next steps may be played with.
// 3. Who is told of a pruning asks the same fold at its place whether it was one by the rules.
import {
  type EventData,
  type EventEnvelope,
  type EventType,
  type HashName,
  hashNamesIn,
} from "../../events/index.ts";
import { type KeepRules, keepRulesText, keeps, type PrunableKind, prunableKinds } from "./rules.ts";

/** A blob that an event has stored. */
interface StoredBlob {
  readonly kind: PrunableKind;
  readonly step: number;
}

/** What may go, by kind. */
export interface Selection {
  readonly kinds: ReadonlyMap<PrunableKind, readonly HashName[]>;
  /** Blobs that the rules let go, and the run needs. */
  readonly needed: number;
}

/** Takes the events of a run in the order of the ledger. */
export class RetentionFold {
  readonly #stored = new Map<HashName, StoredBlob[]>();
  readonly #always = new Set<HashName>();
  /** The last optimizer state that was stored, its policy, and the gradients since. */
  #recent = new Set<HashName>();
  /** The newest last. */
  readonly #policies: HashName[] = [];
  #policyLag = 0;
  #lastStep = 0;

  add(event: Pick<EventEnvelope, "type" | "data">): void {
    const handler = this.#handlers[event.type as EventType] as
      | ((data: unknown) => void)
      | undefined;
    handler?.(event.data);
  }

  /** Chooses by `rules` among everything that was stored. */
  select(rules: KeepRules): Selection {
    const kinds = new Map<PrunableKind, HashName[]>();
    const needs = this.#needs();
    let needed = 0;
    for (const [name, uses] of this.#stored) {
      if (this.#isKept(uses, rules)) continue;
      if (needs.has(name)) {
        needed += 1;
        continue;
      }
      const kind = uses[0]?.kind ?? "gradients";
      kinds.set(kind, [...(kinds.get(kind) ?? []), name]);
    }
    return { kinds, needed };
  }

  /** Why one of `names` may not go by `rules` as the run stands; null: all of them may. */
  whyKept(names: Iterable<HashName>, rules: KeepRules): string | null {
    const needs = this.#needs();
    for (const name of names) {
      if (needs.has(name)) return `the run needs ${name} to go on`;
      const uses = this.#stored.get(name);
      if (uses === undefined) {
        return `${name} is none of the ${prunableKinds.join(", ")} that were stored before`;
      }
      if (this.#isKept(uses, rules)) return `its rule "${keepRulesText(rules)}" keeps ${name}`;
    }
    return null;
  }

  #isKept(uses: readonly StoredBlob[], rules: KeepRules): boolean {
    return uses.some(({ kind, step }) => keeps(rules, kind, step, this.#lastStep));
  }

  #needs(): ReadonlySet<HashName> {
    const playing = this.#policies.slice(-1 - this.#policyLag);
    return new Set([...this.#always, ...this.#recent, ...playing]);
  }

  readonly #handlers: { readonly [T in EventType]?: (data: EventData<T>) => void } = {
    "run.started": (data) => {
      for (const name of hashNamesIn(data)) this.#always.add(name);
      this.#policies.push(data.policy);
      const rollout = data.config["rollout"] as { readonly policyLag?: unknown } | undefined;
      if (typeof rollout?.policyLag === "number") this.#policyLag = rollout.policyLag;
    },
    "gradient.computed": ({ step, gradient, stored }) => {
      if (!stored) return;
      this.#note(gradient, "gradients", step);
      this.#recent.add(gradient);
    },
    "policy.updated": ({ step, policyAfter, optimizerAfter, optimizerStored }) => {
      this.#lastStep = step;
      if (optimizerStored) {
        this.#recent = new Set([policyAfter, optimizerAfter]);
        this.#note(optimizerAfter, "optimizers", step);
      }
      this.#note(policyAfter, "policies", step);
      this.#policies.push(policyAfter);
    },
  };

  #note(name: HashName, kind: PrunableKind, step: number): void {
    this.#stored.set(name, [...(this.#stored.get(name) ?? []), { kind, step }]);
  }
}
