// Where a run parted from another one, as its first event says it.
import type { HashName } from "./hash.ts";
import type { Parent } from "./parent-schema.ts";
import type { EventData } from "./schemas.ts";

/** Of a run that goes on from a step of another one. */
export type AfterStep = Extract<Parent["at"], { readonly type: "step" }>;

/** Of a run that continues a trajectory of another one. */
export type BeforeTurn = Extract<Parent["at"], { readonly type: "trajectory" }>;

/** The blobs that a fork has brought along besides its policy and optimizer. */
export function namedBlobs({ at }: Parent): readonly HashName[] {
  if (at.type === "trajectory") return [at.kept];
  const { anchor, earlier, baseline } = at;
  return [anchor, ...earlier, ...(baseline === undefined ? [] : [baseline])];
}

type Forked = Pick<EventData<"run.started">, "parent">;

/** The step that a fork goes on from; null where it goes on from none. */
export function afterStep({ parent }: Forked): AfterStep | null {
  return parent?.at.type === "step" ? parent.at : null;
}

/** The turn that a fork continues from; null where it continues none. */
export function beforeTurn({ parent }: Forked): BeforeTurn | null {
  return parent?.at.type === "trajectory" ? parent.at : null;
}

/** Steps that are learned before a run begins: 0 where it is no fork of a step. */
export function stepsBefore(started: Forked): number {
  return afterStep(started)?.step ?? 0;
}

/** The policy that KL is measured to: the one that the run, or its first ancestor, began with. */
export function anchorOf(started: Pick<EventData<"run.started">, "parent" | "policy">): HashName {
  return afterStep(started)?.anchor ?? started.policy;
}
