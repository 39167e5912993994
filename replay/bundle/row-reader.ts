// What a bundle must know of its rows: which blobs they name, who wrote under which lease, and
// which policy they come to.
import { type EventData, type HashName, leaseOf, stepsBefore } from "../../events/index.ts";
import type { Lease } from "../../storage/index.ts";
import { blobNames, readData, readEnvelope } from "../audit/index.ts";
import { PrunedBlobs, prunedWords } from "../retention/index.ts";

/** The policy that the rows of a bundle come to. */
export interface LastPolicy {
  readonly step: number;
  readonly policy: HashName;
}

/** Sees every row of a bundle, in order. */
export class RowReader {
  readonly #start: { readonly run: EventData<"run.started"> };
  readonly #leases = new Set<string>();
  readonly #pruned = new PrunedBlobs();
  lastPolicy: LastPolicy;

  constructor(run: EventData<"run.started">) {
    this.#start = { run };
    this.lastPolicy = { step: stepsBefore(run), policy: run.policy };
  }

  /** The blobs that a row names; none where it is no event, which is for an audit to say. */
  blobsOf(row: Uint8Array): readonly HashName[] {
    const envelope = readEnvelope(row);
    if (typeof envelope === "string") return [];
    this.#pruned.note(envelope);
    if (envelope.epoch > 0) this.#leases.add(leaseOf(envelope.stream));
    const event = readData(envelope);
    if (typeof event === "string") return [];
    if (event.type === "policy.updated") {
      this.lastPolicy = { step: event.data.step, policy: event.data.policyAfter };
    }
    return blobNames(event, this.#start);
  }

  /** Why a blob that rows name may be absent; null: it may not. */
  absenceOf(name: HashName): string | null {
    const by = this.#pruned.of(name);
    return by && prunedWords(by);
  }

  /** Those of `leases` under which some row was written. */
  usedOf(leases: readonly Lease[]): readonly Lease[] {
    return leases.filter(({ name }) => this.#leases.has(name));
  }
}
