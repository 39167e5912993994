// Evaluations that do not let the agent act: the question asked for its answer alone (direct), for
// a thought and the answer (chain of thought), or for the answer after one search with the question
// (RAG). One turn each. Pure.
//
// The words of `direct` are those of Visual-ARFT's scripts, byte by byte. It prints figures for the
// other two and has not published their words, so that theirs are varft's own.
import type { HashName, Sampling, Task } from "../events/index.ts";
import { type EnvironmentText, imageMark } from "./environment-text.ts";
import type { Action } from "./protocol/index.ts";

/** How an evaluation asks where it does not let the agent act. */
export type Mode = NonNullable<Sampling["mode"]>;

/** Behind a question about an image (MAT-Coding, MAT-Search). */
const directWords = "Answer the question directly. The answer should be very brief.";
/** Behind a question without an image (the text benchmarks). */
const directTextWords = "Only Return the answer.";
const thoughtWords =
  "Think step by step inside <think> </think> tags. Then give the final answer, as briefly as " +
  "possible, inside <answer> </answer> tags.";

interface Report {
  readonly tool: "python" | "search";
  readonly cause: string;
  readonly text: string;
  readonly image: HashName | null;
}

/** An environment in which the agent acts, as far as it is looked at here. */
interface ActingEnvironment {
  readonly parseAction: (text: string) => Action;
  prompt(task: Task): EnvironmentText;
  report(task: Task, report: Report): EnvironmentText;
}

type Words = EnvironmentText & { readonly fresh?: true };

/** An environment that can also be asked in the modes in which the agent does not act. */
export function withModes<E extends ActingEnvironment>(acting: E) {
  return {
    ...acting,
    parseAction: (text: string, mode?: Mode): Action =>
      mode === undefined ? acting.parseAction(text) : answerOf(text, mode),
    prompt: (task: Task, mode?: Mode): Words =>
      mode === undefined ? acting.prompt(task) : questionIn(mode, task),
    report(task: Task, report: Report, mode?: Mode): Words {
      if (mode === undefined) return acting.report(task, report);
      return { ...questionIn(mode, task, report.text), fresh: true };
    },
  };
}

/** The one message of a mode. `found`: what the search gave, before the question. */
function questionIn(mode: Mode, { question, image }: Task, found?: string): EnvironmentText {
  const direct = image === null ? directTextWords : directWords;
  const asked = `${question}\n${mode === "cot" ? thoughtWords : direct}`;
  const text = found === undefined ? asked : `${found}\n${asked}`;
  return image === null ? { text, images: [] } : { text: `${imageMark}${text}`, images: [image] };
}

const lastAnswer = /.*<answer>(?<answer>.*?)<\/answer>/s;

function answerOf(text: string, mode: Mode): Action {
  const said = mode === "cot" ? lastAnswer.exec(text)?.groups?.["answer"] : text;
  const answer = said?.trim() ?? "";
  if (answer !== "") return { kind: "answer", answer };
  const reason = mode === "cot" ? "there is no <answer>…</answer>" : "the turn is empty";
  return { kind: "malformed", reason };
}
