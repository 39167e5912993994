// The protocol as the published evaluation speaks it: one user message that grows by what was said
// and answered, with one image in front, which a program's output replaces. A failed program is not
// told of, snippets are not escaped, and the query's tag of a coding task is never closed.
import {
  type Asked,
  type EnvironmentText,
  type EnvironmentWords,
  imageMark,
  type SaidTurn,
} from "../environment-text.ts";
import { instructionsOf, publishedTips } from "../protocol/index.ts";
import { parseReferenceAction } from "./actions.ts";

/** The environment of `protocol = "reference"`. */
export const referenceEnvironment: EnvironmentWords = {
  parseAction: parseReferenceAction,
  prompt: (task) => grow(task, []),
  // What follows depends on everything that was said: `grow` says it.
  reply: (task) => grow(task, []),
  report: (task) => grow(task, []),
  grow,
};

function grow(task: Asked, turns: readonly SaidTurn[]): EnvironmentText {
  const text = [queryOf(task), ...turns.map(consequenceOf)].join("");
  const image = turns.findLast(({ answer }) => answer?.image != null)?.answer?.image ?? task.image;
  return image === null ? { text, images: [] } : { text: `${imageMark}${text}`, images: [image] };
}

/** The instructions and the query as each of the published scripts joins them. */
function queryOf({ task, question, step }: Asked): string {
  const instructions = instructionsOf(task);
  if (step !== undefined) return `${instructions}\n${step.prompt}`;
  return task === "coding"
    ? `${instructions}<query> ${question} <query>`
    : `${instructions}\n<query> ${question} </query>`;
}

/** What a turn adds to the message. */
function consequenceOf({ text, answer }: SaidTurn): string {
  const action = parseReferenceAction(text);
  if (action.kind === "problem") {
    const end = action.problems[0] === "none" ? "" : "\n";
    return `\n${text}\n${publishedTips(action.problems)}${end}`;
  }
  return action.kind === "search" && answer !== null ? `\n${text}\n${answer.text}` : `\n${text}`;
}
