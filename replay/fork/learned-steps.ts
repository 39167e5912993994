// The steps of a run as a fork finds them: what each came to, and whether its weights are there or
// follow from what is. Pure.
import {
  afterStep,
  type EventData,
  type EventEnvelope,
  type HashName,
  stepsBefore,
} from "../../events/index.ts";

/** The weights after a step. */
export interface LearnedStep {
  readonly step: number;
  readonly policy: HashName;
  readonly optimizer: HashName;
  /** The last event that is behind them; 0: the run's first. */
  readonly seq: number;
  /** Whether the optimizer's state is stored. */
  readonly stored: boolean;
  /**
   * The blob that one would need to go on from here, and that is not there; null: nothing is
   * missing. An optimizer that was not stored follows from the one before by the gradients.
   */
  readonly missing: HashName | null;
}

type Started = EventData<"run.started">;

/**
 * What the run began with, and what each learned step came to.
 * @param gone blobs that events call stored and that are not there any more
 */
export function learnedSteps(
  started: Started,
  learner: readonly EventEnvelope[],
  gone: ReadonlySet<HashName> = new Set(),
): LearnedStep[] {
  const { policy, optimizer } = started;
  const begun = { step: stepsBefore(started), policy, optimizer, seq: 0 };
  /** The blob that keeps the optimizer from being had; null: nothing does. */
  let lacking = [policy, optimizer].find((name) => gone.has(name)) ?? null;
  const steps: LearnedStep[] = [{ ...begun, stored: true, missing: lacking }];
  for (const { type, seq, data } of learner) {
    if (type === "gradient.computed") {
      lacking ??= lackOfGradient(data as EventData<"gradient.computed">, gone);
    }
    if (type !== "policy.updated") continue;
    const update = data as EventData<"policy.updated">;
    if (update.optimizerStored) lacking = lackOfState(update, gone, lacking);
    steps.push({
      step: update.step,
      policy: update.policyAfter,
      optimizer: update.optimizerAfter,
      seq,
      stored: update.optimizerStored && !gone.has(update.optimizerAfter),
      missing: gone.has(update.policyAfter) ? update.policyAfter : lacking,
    });
  }
  return steps;
}

function lackOfGradient(
  { stored, gradient }: EventData<"gradient.computed">,
  gone: ReadonlySet<HashName>,
): HashName | null {
  return stored && !gone.has(gradient) ? null : gradient;
}

/** What is lacking once a state was stored: nothing where it is there, or followed all the same. */
function lackOfState(
  { policyAfter, optimizerAfter }: EventData<"policy.updated">,
  gone: ReadonlySet<HashName>,
  before: HashName | null,
): HashName | null {
  const lost = [optimizerAfter, policyAfter].find((name) => gone.has(name)) ?? null;
  return before === null ? null : lost;
}

/** Of `steps`, the nearest before and after `step`. */
export function nearestTo(step: number, steps: readonly number[]): readonly number[] {
  const near = [steps.findLast((other) => other < step), steps.find((other) => other > step)];
  return near.filter((other) => other !== undefined);
}

/**
 * The policies before the one after `step`, the latest first, as many as there are up to `count`;
 * null where the run does not know so many.
 */
export function earlierPolicies(
  started: Started,
  steps: readonly LearnedStep[],
  step: number,
  count: number,
): HashName[] | null {
  const own = steps.filter((one) => one.step < step).map(({ policy }) => policy);
  const known = [...own.reverse(), ...(afterStep(started)?.earlier ?? [])];
  const wanted = Math.min(count, step);
  return known.length < wanted ? null : known.slice(0, wanted);
}
