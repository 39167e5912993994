// Demonstrations for the warm start: episodes of single kinds, told by a teacher of known faults
// (`teacher.ts`). The faults make head-room on purpose and are the knobs of the start's accuracy.
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
import { agent, environment, type Lesson, type Message } from "./lesson.ts";
import { programOf, rightRepair } from "./programs.ts";
import { demonstrateLook } from "./retries.ts";
import { misread } from "./split.ts";
import type { MiniTask } from "./task.ts";
import {
  chooseRepair,
  diagnose,
  lookOf,
  lossAfterRight,
  lossAfterWrong,
  type TeacherFaults,
} from "./teacher.ts";

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
    const told = demonstrateLook(random, task, truth, faults);
    if (told) return told;
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
  const loss = good ? lossAfterRight(random, truth, faults) : lossAfterWrong(random, faults);
  said.push(agent(sayAnswer("clear", task.answers[0] ?? ""), loss));
  return said;
}
