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
  /** Whether it is, or follows from the one before by the stored gradients. */
  readonly derivable: boolean;
}

type Started = EventData<"run.started">;

/** What the run began with, and what each learned step came to. */
export function learnedSteps(started: Started, learner: readonly EventEnvelope[]): LearnedStep[] {
  const { policy, optimizer } = started;
  const begun = { step: stepsBefore(started), policy, optimizer, seq: 0 };
  const steps: LearnedStep[] = [{ ...begun, stored: true, derivable: true }];
  let isKept = true;
  for (const { type, seq, data } of learner) {
    if (type === "gradient.computed") {
      isKept &&= (data as EventData<"gradient.computed">).stored;
    }
    if (type !== "policy.updated") continue;
    const update = data as EventData<"policy.updated">;
    const follows = isKept && steps.at(-1)?.derivable === true;
    steps.push({
      step: update.step,
      policy: update.policyAfter,
      optimizer: update.optimizerAfter,
      seq,
      stored: update.optimizerStored,
      derivable: update.optimizerStored || follows,
    });
    isKept = true;
  }
  return steps;
}

/** The nearest steps before and after `step` that a run can be forked at. */
export function nearestDerivable(steps: readonly LearnedStep[], step: number): readonly number[] {
  const derivable = steps.filter((one) => one.derivable).map((one) => one.step);
  const near = [
    derivable.findLast((other) => other < step),
    derivable.find((other) => other > step),
  ];
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
