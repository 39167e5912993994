// The trajectory that a teacher would have played: what the reference's ground-truth injection pays
// for. Made of the task alone. Pure.
import { type Action, parseAction } from "../../tasks/index.ts";
import type { JudgedTurn, Played } from "./played.ts";

const thought = "<think> The teacher's. </think>";
const silent = { call: null, answer: null } as const;

/** `played` with the teacher's turns and answer in the place of the model's. */
export function teacherOf(played: Played): Played {
  const { task } = played;
  const turns = task.step === undefined ? episode(played) : [said(demonstrationOf(task.step))];
  const [last] = turns.slice(-1);
  const answer = last?.action.kind === "answer" ? last.action.answer : null;
  const calls = turns.filter(({ call }) => call !== null).length;
  const cause = answer === null ? "turn-limit" : "answered";
  return { ...played, turns, answer, calls, cause };
}

type Step = NonNullable<Played["task"]["step"]>;

const demonstrationOf = ({ demonstration, solution }: Step): string =>
  demonstration ?? `${thought}\n${solution}`;

function said(text: string): JudgedTurn {
  return { text, action: parseAction(text) as Action, ...silent };
}

function episode({ task }: Played): readonly JudgedTurn[] {
  const answer = said(`${thought}\n<answer> ${task.answers[0] ?? ""} </answer>`);
  if (task.task === "search") {
    const searches = (task.queries ?? []).map((query) => ({
      ...said(`${thought}\n<search> ${query} </search>`),
      call: { tool: "search" as const, input: query, image: null },
    }));
    return [...searches, answer];
  }
  const labels = task.kind.split("+").map((label) => `'${label}'`);
  const diagnosis = said(`${thought}\n<problem> {${labels.join(", ")}} </problem>`);
  return task.kind === "none" ? [diagnosis, answer] : [diagnosis, repair(task), answer];
}

/** A program that gives the right repair, where that is known. */
function repair({ image, reference }: Played["task"]): JudgedTurn {
  const program = "import cv2\n";
  return {
    ...said(`${thought}\n<code>\n\`\`\`python\n${program}\`\`\`\n</code>`),
    call: { tool: "python", input: program, image },
    answer: { cause: "ok", text: "", image: reference },
  };
}
