// The answer in a prediction, and why there is none.
import type { Prediction } from "./row.ts";

/** A prediction as it counts: an answer, or what kept it from being one. */
export type Answered =
  | { readonly answer: string; readonly cause: null }
  | { readonly answer: null; readonly cause: string };

const protocolStart = /^<(?:think|search|problem|code)>/;
const answerTag = /<answer>(.*?)(?:<\/answer>|$)/gs;

/**
 * The answer that is meant. A whole turn of the protocol, which the scripts for chain of thought
 * leave, answers in its last `<answer>`; without one it answers nothing. The cause is the file's
 * own where it has one: `turn-limit`, `tool-error`, whatever its writer recorded.
 */
export function answerIn({ answer, cause }: Pick<Prediction, "answer" | "cause">): Answered {
  if (answer === null) return { answer: null, cause: cause ?? "not recorded" };
  const tagged = [...answer.matchAll(answerTag)].at(-1)?.[1];
  const text = (tagged ?? answer).trim();
  if (text === "") return { answer: null, cause: cause ?? "empty" };
  if (tagged === undefined && protocolStart.test(text)) {
    return { answer: null, cause: cause ?? "no answer tag" };
  }
  return { answer: text, cause: null };
}
