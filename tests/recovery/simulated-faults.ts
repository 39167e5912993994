// Faults of a run inside one process: its parts crash, its bus loses, doubles, delays and reorders
// messages, its disk fails. Which ones, when and how often follows from a seed.
import type { EventType } from "../../events/index.ts";
import { RandomStream } from "../../events/index.ts";

export const simulatedKinds = [
  /** The head's process is gone: nothing leaves it any more. */
  "head-crash",
  "rollout-crash",
  "learner-crash",
  /** All of them at once. */
  "power-cut",
  /** One process hears and says nothing for a while; then everything arrives. */
  "head-partition",
  "rollout-partition",
  "learner-partition",
  /** The next commit fails, or is durable and its acknowledgement is lost; the head ends. */
  "commit-fails",
  "commit-torn",
  /** The ledger refuses the next appends as too many. */
  "ledger-busy",
  /** The sandbox loses its engine for some calls. */
  "sandbox-lost",
] as const;
export type SimulatedKind = (typeof simulatedKinds)[number];

/** What befalls every message, each with its share of all. */
export interface Weather {
  readonly lost: number;
  readonly doubled: number;
  readonly delayed: number;
}

export interface SimulatedFault {
  readonly kind: SimulatedKind;
  /** It is done when so many further events of the type have been seen. */
  readonly event: EventType;
  readonly count: number;
}

export interface SimulatedPlan {
  readonly seed: number;
  readonly faults: readonly SimulatedFault[];
  readonly weather: Weather;
  readonly rollouts: number;
  readonly isOnDisk: boolean;
}

/** Types that come often enough to wait for, in the order of a step. */
export const simulatedEventTypes: readonly EventType[] = [
  "step.planned",
  "evaluation.started",
  "trajectory.started",
  "turn.sampled",
  "turn.prompted",
  "tool.called",
  "tool.returned",
  "trajectory.ended",
  "reward.assigned",
  "batch.assembled",
  "gradient.computed",
  "policy.updated",
  "actor.registered",
];
/** Of types that come by the dozen in each step, one may be waited past so many. */
const countMax = 12;
const often: ReadonlySet<EventType> = new Set<EventType>([
  ...(["trajectory.started", "turn.sampled", "tool.called", "tool.returned"] as const),
  ...(["trajectory.ended", "reward.assigned"] as const),
]);

/** Faults of one simulated run. */
export const faultsPerRun = 16;
const lostMax = 0.006;
const doubledMax = 0.03;
const delayedMax = 0.3;

/** The plan of a seed. */
export function simulatedPlan(seed: number): SimulatedPlan {
  const random = new RandomStream(seed, "simulated-faults");
  const pick = <T>(from: readonly T[]): T => from[random.integer(from.length)] as T;
  const faults = Array.from({ length: faultsPerRun }, () => {
    const event = pick(simulatedEventTypes);
    const count = often.has(event) ? 1 + random.integer(countMax) : 1;
    return { kind: pick(simulatedKinds), event, count };
  });
  return {
    seed,
    faults,
    weather: {
      lost: random.uniform() * lostMax,
      doubled: random.uniform() * doubledMax,
      delayed: random.uniform() * delayedMax,
    },
    rollouts: 1 + random.integer(3),
    isOnDisk: random.integer(2) === 1,
  };
}
