// The teacher of the warm start: which faults it has, and how they show.
import type { RandomStream } from "../../events/index.ts";
import type { Problem } from "../protocol/index.ts";
import { degradations } from "./kinds.ts";
import type { Loss } from "./lesson.ts";
import { habitOf, type Repair, repairMenu, type Trouble } from "./programs.ts";

/** Shares (0–1) of the teacher's faults. */
export interface TeacherFaults {
  /** Says `none` although the image is spoilt. */
  readonly lazy: number;
  /** Names a random problem. */
  readonly randomProblem: number;
  /** Takes the argument that is the teacher's bad habit, of the right function. */
  readonly habit: number;
  /** Takes a random argument of the right function. */
  readonly randomArgument: number;
  /** Has one wrong letter in a search query. */
  readonly wrongName: number;
  /** Asks for another attribute. */
  readonly wrongAttribute: number;
  /** After a wrong repair still says "clear"; else what follows is not learnt at all. */
  readonly careless: number;
  /** Of the looks after a right repair: what the teacher thinks of the result is not learnt. */
  readonly silent: number;
  /** Shows a wrong repair first and then the right one. */
  readonly retry: number;
  /** Of the retries: the first repair is of a wholly other kind, so only a look can tell. */
  readonly astray: number;
}

/** What the teacher says is wrong. */
export function diagnose(random: RandomStream, truth: Problem, faults: TeacherFaults): Problem {
  const dice = random.uniform();
  if (dice < faults.lazy) return "none";
  if (dice < faults.lazy + faults.randomProblem) {
    return random.pick([...degradations, "crop", "none"] as const);
  }
  return truth;
}

/** The repair that the teacher takes for a trouble whose right one is `right`. */
export function chooseRepair(
  random: RandomStream,
  diagnosis: Trouble,
  right: Repair,
  faults: TeacherFaults,
): Repair {
  if (faults.habit > 0 && random.uniform() < faults.habit) return habitOf(diagnosis) ?? right;
  return random.uniform() < faults.randomArgument ? random.pick(repairMenu(diagnosis)) : right;
}

/** Troubles after whose repair there may be another one to see, in images that GRPO draws. */
const hiding: readonly Problem[] = ["dark", "overexposure", "blur", "noise"];

/**
 * With one trouble, one right repair always makes the image clear: whoever learns that from the
 * first image will not look at the second, and pairs are lost.
 */
export function lossAfterRight(random: RandomStream, truth: Problem, faults: TeacherFaults): Loss {
  if (!hiding.includes(truth) || faults.silent === 0) return "all";
  return random.uniform() < faults.silent ? "action" : "all";
}

/** What is learnt of an answer that follows a wrong diagnosis or repair. */
export function lossAfterWrong(random: RandomStream, { careless }: TeacherFaults): Loss {
  return careless === 1 || random.uniform() < careless ? "form" : "none";
}

/** The word that a thought uses for a problem. */
export function lookOf(problem: Problem): string {
  switch (problem) {
    case "rotation90":
    case "rotation180":
      return "rotated";
    case "none":
      return "fine";
    case "crop":
      return "large";
    default:
      return problem;
  }
}
