// The plan of the run: steps and evaluations one after the other, each from the policy in force.
import type { EventData } from "../../../events/index.ts";
import type { Book } from "../book.ts";
import { type Check, type EventOf, firstFault } from "../check.ts";
import { settingsOf } from "../settings.ts";
import { sameSampling } from "./sampling.ts";

type PlanType =
  | "run.started"
  | "step.planned"
  | "evaluation.planned"
  | "evaluation.started"
  | "evaluation.completed"
  | "run.completed";

export const plans: Check<PlanType> = {
  name: "plans",
  about: "steps and evaluations follow each other, from the policy in force",
  types: [
    "run.started",
    "step.planned",
    "evaluation.planned",
    "evaluation.started",
    "evaluation.completed",
    "run.completed",
  ],
  fault: (event, book) => faultOf(event, book),
};

function faultOf(event: EventOf<PlanType>, book: Book): string | null {
  if (event.type === "run.started") {
    return book.run === null ? parentFault(event.data) : "the run began before";
  }
  if (book.run === null) return "the run has not begun";
  if (book.completed) return "the run has ended";
  const evaluations = book.evaluationsBefore + book.evaluationsPlanned.size;
  switch (event.type) {
    case "step.planned":
      return stepFault(event.data, book);
    case "evaluation.planned":
      return firstFault(
        event.data.evaluation !== evaluations &&
          `it is evaluation ${event.data.evaluation}, after ${evaluations}`,
        notLearned(book),
        inForce(event.data.policy, book),
      );
    case "evaluation.started":
      return startedFault(event.data, book);
    case "evaluation.completed":
      return completedFault(event.data, book);
    default:
      return firstFault(
        event.data.steps !== book.learned &&
          `it says ${event.data.steps} steps, ${book.learned} were learned`,
        notLearned(book),
        inForce(event.data.policy, book),
        book.evaluationsEnded.size !== book.evaluationsPlanned.size &&
          `of ${book.evaluationsPlanned.size} evaluations ${book.evaluationsEnded.size} have ended`,
      );
  }
}

/** What a fork says of its parent must go together. */
function parentFault({ run, policy, parent }: EventData<"run.started">): string | null {
  if (parent === undefined) return null;
  const { at } = parent;
  return firstFault(
    parent.run === run && "it says that it is its own parent",
    at.type === "step" &&
      at.step === 0 &&
      (at.earlier.length > 0 || at.anchor !== policy) &&
      "it goes on from the beginning, and names policies before that",
    at.type === "step" &&
      at.earlier.length > at.step &&
      `it names ${at.earlier.length} policies before the one after step ${at.step}`,
    at.type === "trajectory" &&
      at.policies.length !== at.turn &&
      `it names ${at.policies.length} policies of ${at.turn} turns`,
  );
}

function stepFault({ step, policy }: EventData<"step.planned">, book: Book): string | null {
  const { policyLag } = settingsOf(book);
  const { planned, learned } = book;
  return firstFault(
    step <= planned && `step ${step} was planned before`,
    step !== planned + 1 && `step ${step} is planned after step ${planned}`,
    step > learned + 1 + policyLag &&
      `step ${step} is planned after step ${learned} was learned, the policy lag is ${policyLag}`,
    toPlay(step, policy, book),
  );
}

/** A step is played with the policy of the step before it or, with a policy lag, an older one. */
function toPlay(step: number, policy: string, book: Book): string | null {
  const { policyLag } = settingsOf(book);
  if (policyLag === 0) return inForce(policy, book);
  const back = book.learned - Math.max(0, step - 1 - policyLag);
  const wanted = [book.policy, ...book.policiesBefore][back];
  return policy === wanted
    ? null
    : `with its policy lag it is played with ${wanted}, not ${policy}`;
}

/** Steps are played ahead of each other only. */
function notLearned({ planned, learned }: Book): string | null {
  return learned === planned
    ? null
    : `step ${planned} is planned, step ${learned} was learned last`;
}

function inForce(policy: string, book: Book): string | null {
  return policy === book.policy ? null : `the policy in force is ${book.policy}, not ${policy}`;
}

function startedFault(data: EventData<"evaluation.started">, book: Book): string | null {
  const planned = book.evaluationsPlanned.get(data.evaluation);
  if (planned === undefined) return `evaluation ${data.evaluation} was not planned`;
  return firstFault(
    data.policy !== planned.policy && `${planned.policy} was planned, not ${data.policy}`,
    !sameSampling(data.sampling, planned.sampling) && "it samples otherwise than planned",
    data.tasks.length !== planned.tasks &&
      `${planned.tasks} tasks were planned, not ${data.tasks.length}`,
    data.samples !== planned.samples &&
      `${planned.samples} samples were planned, not ${data.samples}`,
  );
}

function completedFault(data: EventData<"evaluation.completed">, book: Book): string | null {
  const plan = book.plans.get(`e${data.evaluation}`);
  if (plan === undefined) return `evaluation ${data.evaluation} has not begun`;
  const wanted = plan.tasks.length * plan.samples;
  const judged = book.judged.get(`e${data.evaluation}`) ?? 0;
  return firstFault(
    data.policy !== plan.policy && `${plan.policy} was evaluated, not ${data.policy}`,
    judged !== wanted && `${judged} of its ${wanted} trajectories were judged`,
  );
}
