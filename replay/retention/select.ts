// Which blobs of a run may go. A fold over its events, and a pure choice at its end.
//
// 1. A blob goes only if every event that stores it lets it go: equal bytes are one blob.
// 2. What the run needs to go on always stays, whatever the rules: what it started from, the last
//    optimizer state that was stored with its policy and every gradient since, and the policies
//    that the next steps may be played with.
import {
  type EventData,
  type EventEnvelope,
  type EventType,
  type HashName,
  hashNamesIn,
} from "../../events/index.ts";
import { type KeepRules, keeps, type PrunableKind } from "./rules.ts";

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
  readonly #always = new Set<string>();
  /** The last optimizer state that was stored, its policy, and the gradients since. */
  #recent = new Set<HashName>();
  /** The newest last. */
  readonly #policies: HashName[] = [];
  #policyLag = 0;
  #lastStep = 0;

  add(event: EventEnvelope): void {
    const handler = this.#handlers[event.type as EventType] as
      | ((data: unknown) => void)
      | undefined;
    handler?.(event.data);
  }

  /** Chooses by `rules` among everything that was stored. */
  select(rules: KeepRules): Selection {
    const kinds = new Map<PrunableKind, HashName[]>();
    const needs = new Set([
      ...this.#always,
      ...this.#recent,
      ...this.#policies.slice(-1 - this.#policyLag),
    ]);
    let needed = 0;
    for (const [name, uses] of this.#stored) {
      if (uses.some(({ kind, step }) => keeps(rules, kind, step, this.#lastStep))) continue;
      if (needs.has(name)) {
        needed += 1;
        continue;
      }
      const kind = uses[0]?.kind ?? "gradients";
      kinds.set(kind, [...(kinds.get(kind) ?? []), name]);
    }
    return { kinds, needed };
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
