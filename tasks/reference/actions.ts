// Reads a turn as the published evaluation does: the first tag that is found says what it is, and
// whatever else was said does not matter. Where the published code goes on with what the item
// before left (an unclosed tag), the turn is malformed here.
import type { Action, Problem } from "../protocol/index.ts";

const answerPattern = /<answer>\s*(.*?)\s*<\/answer>/s;
const searchPattern = /<search>\s*(.*?)\s*<\/search>/s;
const problemPattern = /<problem>\s*\{(.*?)\}\s*<\/problem>/s;
const codePattern = /<code>\s*```python(.*?)```.*?<\/code>/s;

/** Reads the text of one turn. Never throws. */
export function parseReferenceAction(text: string): Action {
  if (text.includes("<answer>")) {
    const answer = answerPattern.exec(text)?.[1];
    return answer === undefined ? unclosed("answer") : { kind: "answer", answer };
  }
  if (text.includes("<problem>")) {
    // The names go into tips as they are, known or not.
    const problems = labelsIn(text) as readonly Problem[];
    return problems.length === 0 ? unclosed("problem") : { kind: "problem", problems };
  }
  // A program that cannot be found is one that fails: the episode goes on.
  if (text.includes("<code>")) return { kind: "code", program: codePattern.exec(text)?.[1] ?? "" };
  if (text.includes("<search>")) {
    const query = searchPattern.exec(text)?.[1];
    return query === undefined ? unclosed("search") : { kind: "search", query };
  }
  return { kind: "malformed", reason: "a turn has no action in its tag" };
}

const unclosed = (tag: string): Action => ({
  kind: "malformed",
  reason: `<${tag}> holds nothing that can be read`,
});

/** The labels between single quotes, sorted. One that comes twice counts twice. */
export function labelsIn(text: string): readonly string[] {
  const list = problemPattern.exec(text)?.[1] ?? "";
  return [...list.matchAll(/'([^']+)'/g)].map(([, label = ""]) => label).sort();
}
