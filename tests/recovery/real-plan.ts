// Which faults befall the real run of a number, and when: a pure function of the number. Each
// number is dealt the next few of all (fault, event) pairs in a shuffled order, so that a record
// over enough numbers has them all; faults at random times come on top.
import { type EventType, RandomStream } from "../../events/index.ts";
import type { RealFault } from "./real-faults.ts";

/** A fault with the moment that brings it: an event of a type, or a time after the start. */
export interface PlannedFault {
  readonly fault: RealFault;
  readonly event: EventType | null;
  /** How many events of the type are waited for. */
  readonly count: number;
  /** After the event; or after the start, where there is none. */
  readonly afterMs: number;
}

export interface RealPlan {
  readonly number: number;
  readonly faults: readonly PlannedFault[];
  /** Everybody talks over a network that misbehaves, to a bus that is not the head's own. */
  readonly isBusRemote: boolean;
  readonly rollouts: number;
}

/** How often the types come in the run that is disturbed: about so many of each are there. */
const occurrences: readonly (readonly [EventType, number])[] = [
  ["run.started", 1],
  ["step.planned", 2],
  ["actor.registered", 2],
  ["trajectory.started", 20],
  ["turn.sampled", 50],
  ["turn.prompted", 30],
  ["tool.called", 20],
  ["tool.returned", 20],
  ["trajectory.ended", 20],
  ["reward.assigned", 20],
  ["batch.assembled", 2],
  ["gradient.computed", 3],
  ["policy.updated", 2],
  ["evaluation.planned", 1],
  ["evaluation.started", 1],
  ["evaluation.completed", 1],
];

/** The types of events that bring faults. */
export const realEventTypes = occurrences.map(([type]) => type);

const kills: readonly RealFault[] = [
  { kind: "kill", victim: "head" },
  { kind: "kill", victim: "rollout" },
  { kind: "kill", victim: "learner" },
  { kind: "kill", victim: "bus" },
  { kind: "kill", victim: "container" },
  { kind: "kill-group", victim: "head" },
  { kind: "kill-group", victim: "rollout" },
  { kind: "kill-group", victim: "learner" },
  { kind: "kill-group", victim: "bus" },
];

const rarer: readonly RealFault[] = [
  { kind: "kill", victim: "power" },
  { kind: "kill", victim: "bus-guard" },
  { kind: "stop", victim: "head", ms: 1_500 },
  { kind: "stop", victim: "rollout", ms: 1_500 },
  { kind: "stop", victim: "learner", ms: 1_500 },
  { kind: "stop", victim: "bus", ms: 1_500 },
  { kind: "stop", victim: "container", ms: 1_000 },
  { kind: "fsync-slow", ms: 1_500 },
  { kind: "fsync-fails" },
];

const network: readonly RealFault[] = [
  { kind: "bus-reset", ms: 0 },
  { kind: "bus-cut", ms: 1_500 },
  { kind: "bus-hang", ms: 2_000 },
  { kind: "bus-slow", ms: 3_000 },
];

/** (fault, event) pairs that a run is dealt, and faults at random times. */
const pairsPerRun = 6;
const randomPerRun = 3;
const randomMsMax = 15_000;
const afterMsMax = 30;
/** Deaths of one kind of worker between two heads: more within a minute would park it. */
const deathsPerRunMax = 3;

const pairs = shuffled(
  [...kills, ...rarer].flatMap((fault) =>
    occurrences.map(([event, times]) => ({ fault, event, times })),
  ),
  new RandomStream(0, "real-pairs"),
);

/** The plan of the run `number`, from 0. */
export function realPlan(number: number): RealPlan {
  const random = new RandomStream(number, "real-plan");
  const isBusRemote = number % 3 === 2;
  const dealt = Array.from({ length: pairsPerRun }, (_, index): PlannedFault => {
    const pair = pairs[(number * pairsPerRun + index) % pairs.length];
    const { fault, event, times } = pair ?? never();
    const own = isBusRemote && isOfBus(fault) ? pick(network, random) : fault;
    const count = 1 + random.integer(times);
    return { fault: own, event, count, afterMs: random.uniform() * afterMsMax };
  });
  const always = Array.from({ length: randomPerRun }, (): PlannedFault => {
    const from = isBusRemote ? network : [...kills, ...rarer];
    const fault = pick(from, random);
    return { fault, event: null, count: 0, afterMs: random.uniform() * randomMsMax };
  });
  const faults = bounded([...dealt, ...always]);
  return { number, faults, isBusRemote, rollouts: 1 + (number % 2) };
}

/** Without those that would park a worker. */
function bounded(faults: readonly PlannedFault[]): readonly PlannedFault[] {
  const deaths = new Map<string, number>();
  return faults.filter(({ fault }) => {
    const victim = "victim" in fault && fault.kind !== "stop" ? fault.victim : "";
    const count = (deaths.get(victim) ?? 0) + 1;
    deaths.set(victim, count);
    return (victim !== "rollout" && victim !== "learner") || count <= deathsPerRunMax;
  });
}

const isOfBus = (fault: RealFault): boolean =>
  "victim" in fault && (fault.victim === "bus" || fault.victim === "bus-guard");

function shuffled<T>(items: readonly T[], random: RandomStream): readonly T[] {
  const left = [...items];
  return items.map(() => left.splice(random.integer(left.length), 1)[0] as T);
}

function pick<T>(from: readonly T[], random: RandomStream): T {
  return from[random.integer(from.length)] ?? never();
}

function never(): never {
  throw new Error("the list is not empty");
}
