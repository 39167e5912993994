// Demonstrations for the warm start: episodes of single kinds, told by a teacher of known faults.
// The faults make head-room on purpose (lazy diagnoses, random diagnoses, wrong arguments, wrong
// queries) and are the knobs of the start's accuracy. Some demonstrations repair twice: a wrong
// repair, a look at what it gave, the right one. No image is ever spoilt twice: what is left of the
// image after a wrong first repair is still one single trouble.
import type { RandomStream } from "../../events/index.ts";
import {
  informationOf,
  type Problem,
  sayAnswer,
  sayCode,
  sayProblem,
  saySearch,
  tipsAfterProblem,
} from "../protocol/index.ts";
import { attributeNames, factOf, sentenceOf } from "./facts.ts";
import type { GreyImage } from "./image.ts";
import { degradations } from "./kinds.ts";
import {
  habitOf,
  harmless,
  programOf,
  type Repair,
  repairMenu,
  rightRepair,
  stretch,
  stretchTooLittle,
  turnHalf,
  turnLeft,
  turnRight,
} from "./programs.ts";
import { misread } from "./split.ts";
import type { MiniTask } from "./task.ts";

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

/**
 * How much of an agent's message is learnt: all of it, only its action (not the thought before it),
 * only its form (the words of the answer are wrong or a guess), or nothing (it is there to be
 * looked at).
 */
export type Loss = "all" | "action" | "form" | "none";

/** One message of a lesson. */
export type Message =
  | { readonly role: "agent"; readonly text: string; readonly loss: Loss }
  | { readonly role: "environment"; readonly text: string; readonly image: GreyImage | null };

/** A question about an image (or none) and the messages that follow it. */
export interface Lesson {
  readonly image: GreyImage | null;
  readonly question: string;
  readonly messages: readonly Message[];
}

const agent = (text: string, loss: Loss = "all"): Message => ({ role: "agent", text, loss });

const environment = (text: string, image: GreyImage | null = null): Message => ({
  role: "environment",
  text,
  image,
});

/** Tells one episode. `task` must be a single kind: pairs are never demonstrated. */
export function demonstrate(random: RandomStream, task: MiniTask, faults: TeacherFaults): Lesson {
  if (task.kind.includes("+")) throw new RangeError(`a pair is never demonstrated: ${task.kind}`);
  const tell = task.task === "search" ? tellSearch : tellRepair;
  const { image, question } = task;
  return { image, question, messages: tell(random, task, faults) };
}

function tellSearch(random: RandomStream, task: MiniTask, faults: TeacherFaults): Message[] {
  const name = random.uniform() < faults.wrongName ? misread(random, task.text) : task.text;
  const wrongAttribute = random.uniform() < faults.wrongAttribute;
  const attribute = wrongAttribute ? random.pick(attributeNames) : (task.attribute ?? "colour");
  const fact = factOf(name, attribute);
  return [
    agent(saySearch("search", `${name.join(" ")} ${attribute}`)),
    environment(informationOf([sentenceOf(name, attribute, fact)])),
    // What is read from the passage is right for the passage, whatever was asked: always learnt.
    agent(sayAnswer("found", fact)),
  ];
}

function tellRepair(random: RandomStream, task: MiniTask, faults: TeacherFaults): Message[] {
  const truth = task.kind as Problem;
  if (random.uniform() < faults.retry) {
    const { astray } = faults;
    const isStray = astray > 0 && random.uniform() < astray;
    const tries = isStray ? straysFrom(truth) : slipsAt(truth);
    if (tries.length > 0) return tellRetry(random, task, random.pick(tries), faults);
  }
  const diagnosis = diagnose(random, truth, faults);
  const said = [
    agent(sayProblem(lookOf(diagnosis), [diagnosis])),
    environment(tipsAfterProblem([diagnosis])),
  ];
  let good = diagnosis === truth;
  const right = rightRepair(diagnosis, task.field);
  if (right) {
    const chosen = chooseRepair(random, diagnosis, right, faults);
    good &&= programOf(chosen) === programOf(right);
    said.push(
      agent(sayCode("repair", programOf(chosen))),
      environment("", chosen.apply(task.image)),
    );
  }
  const loss = good
    ? lossAfterRight(random, right !== null, faults)
    : lossAfterWrong(random, faults);
  said.push(agent(sayAnswer("clear", task.answers[0] ?? ""), loss));
  return said;
}

/**
 * With one trouble, one right repair always makes the image clear: whoever learns that from the
 * first image will not look at the second, and pairs are lost.
 */
function lossAfterRight(random: RandomStream, isRepaired: boolean, faults: TeacherFaults): Loss {
  if (!isRepaired || faults.silent === 0) return "all";
  return random.uniform() < faults.silent ? "action" : "all";
}

function lossAfterWrong(random: RandomStream, { careless }: TeacherFaults): Loss {
  return careless === 1 || random.uniform() < careless ? "form" : "none";
}

function chooseRepair(
  random: RandomStream,
  diagnosis: Problem,
  right: Repair,
  faults: TeacherFaults,
): Repair {
  if (faults.habit > 0 && random.uniform() < faults.habit) return habitOf(diagnosis) ?? right;
  return random.uniform() < faults.randomArgument ? random.pick(repairMenu(diagnosis)) : right;
}

function diagnose(random: RandomStream, truth: Problem, faults: TeacherFaults): Problem {
  const dice = random.uniform();
  if (dice < faults.lazy) return "none";
  if (dice < faults.lazy + faults.randomProblem) {
    return random.pick([...degradations, "crop", "none"] as const);
  }
  return truth;
}

/** A wrong first repair under its diagnosis, the one trouble it leaves, and the repair of that. */
interface Try {
  readonly diagnosis: Problem;
  readonly wrong: Repair;
  readonly left: Problem | typeof turnedOver;
  readonly right: Repair;
}

/** Turned to the left: no kind of task, but what a wrong repair may leave. */
const turnedOver = "rotation270";

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
  const chosen = left === turnedOver ? right : chooseRepair(random, left, right, faults);
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
