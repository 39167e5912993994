// Demonstrations that repair twice: a wrong repair, a look at what it gave, the right one. No image
// is ever spoilt twice: what is left after the first repair is still one single trouble.
import type { RandomStream } from "../../events/index.ts";
import {
  type Problem,
  sayAnswer,
  sayCode,
  sayProblem,
  tipsAfterProblem,
} from "../protocol/index.ts";
import { agent, environment, type Message } from "./lesson.ts";
import {
  harmless,
  programOf,
  type Repair,
  rightRepair,
  type Stray,
  stretch,
  stretchTooLittle,
  type Trouble,
  turnedOver,
  turnHalf,
  turnLeft,
  turnRight,
} from "./programs.ts";
import type { MiniTask } from "./task.ts";
import { chooseRepair, lookOf, lossAfterWrong, type TeacherFaults } from "./teacher.ts";

/** A demonstration with two repairs, or a needless one; `null` where a kind offers none. */
export function demonstrateLook(
  random: RandomStream,
  task: MiniTask,
  truth: Problem,
  faults: TeacherFaults,
): Message[] | null {
  const isStray = faults.astray > 0 && random.uniform() < faults.astray;
  if (truth === "none" && isStray) return tellNeedless(task, random.pick(harmless(truth)));
  const tries = isStray ? straysFrom(truth) : slipsAt(truth);
  return tries.length === 0 ? null : tellRetry(random, task, random.pick(tries), faults);
}

/** A wrong first repair under its diagnosis, the one trouble it leaves, and the repair of that. */
interface Try {
  readonly diagnosis: Problem;
  readonly wrong: Repair;
  readonly left: Trouble;
  readonly right: Repair;
}

/** Wrong arguments of a right function, or nearly: what is left is another single trouble. */
function slipsAt(truth: Problem): readonly Try[] {
  switch (truth) {
    case "rotation90":
      return [
        { diagnosis: truth, wrong: turnRight, left: "rotation180", right: turnHalf },
        { diagnosis: "rotation180", wrong: turnHalf, left: turnedOver, right: turnRight },
      ];
    case "rotation180":
      return [
        { diagnosis: truth, wrong: turnRight, left: turnedOver, right: turnRight },
        { diagnosis: "rotation90", wrong: turnLeft, left: "rotation90", right: turnLeft },
      ];
    case "dark":
    case "overexposure":
      return [{ diagnosis: truth, wrong: stretchTooLittle, left: "dark", right: stretch }];
    default:
      return [];
  }
}

/** First repairs of another kind: that the trouble is still there can be seen by a look only. */
function straysFrom(truth: Problem): readonly Try[] {
  const right = rightRepair(truth, 0);
  if (!right) return [];
  return harmless(truth).map(({ diagnosis, repair }) => ({
    diagnosis,
    wrong: repair,
    left: truth,
    right,
  }));
}

function tellRetry(
  random: RandomStream,
  task: MiniTask,
  { diagnosis, wrong, left, right }: Try,
  faults: TeacherFaults,
): Message[] {
  const between = wrong.apply(task.image);
  // The habit is as strong at the second repair: else a needless first one would pay.
  const chosen = chooseRepair(random, left, right, faults);
  const good = programOf(chosen) === programOf(right);
  return [
    // The wrong diagnosis and the wrong repair are shown, not taught.
    agent(sayProblem(lookOf(diagnosis), [diagnosis]), "none"),
    environment(tipsAfterProblem([diagnosis])),
    agent(sayCode("repair", programOf(wrong)), "none"),
    environment("", between),
    agent(sayCode(`still ${left}`, programOf(chosen))),
    environment("", chosen.apply(between)),
    agent(sayAnswer("clear", task.answers[0] ?? ""), good ? "all" : lossAfterWrong(random, faults)),
  ];
}

/** A clean image is repaired for nothing: a look tells that it is still as it should be. */
function tellNeedless(task: MiniTask, { diagnosis, repair }: Stray): Message[] {
  return [
    agent(sayProblem(lookOf(diagnosis), [diagnosis]), "none"),
    environment(tipsAfterProblem([diagnosis])),
    agent(sayCode("repair", programOf(repair)), "none"),
    environment("", repair.apply(task.image)),
    agent(sayAnswer("clear", task.answers[0] ?? "")),
  ];
}
