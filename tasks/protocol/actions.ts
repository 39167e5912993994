// What a turn of the model says, read strictly: a thought, then exactly one action. Anything else
// is malformed, with the reason. Never throws, whatever the text.
import { type Problem, problems } from "./problems.ts";

/** The one action of a turn. */
export type Action =
  | { readonly kind: "problem"; readonly problems: readonly Problem[] }
  | { readonly kind: "code"; readonly program: string }
  | { readonly kind: "search"; readonly query: string }
  | { readonly kind: "answer"; readonly answer: string }
  | { readonly kind: "malformed"; readonly reason: string };

const turnPattern =
  /^<think>(?<thought>.*?)<\/think>\s*<(?<tag>problem|code|search|answer)>(?<body>.*)<\/\k<tag>>\s*$/s;
const programPattern = /^\s*```python\n(?<program>.*?)```\s*$/s;
const problemPattern = /^\s*\{\s*(?<list>'[^']+'\s*(?:,\s*'[^']+'\s*)*)\}\s*$/;
const tagPattern = /<\/?(?:think|problem|code|search|answer|information|tips)>/g;
const tagsPerTurn = 4;

const malformed = (reason: string): Action => ({ kind: "malformed", reason });

/** Reads the text of one turn, end-of-turn token already removed. */
export function parseAction(text: string): Action {
  const match = turnPattern.exec(text);
  if (!match?.groups) return malformed("a turn is <think>…</think> and then one action");
  const tags = text.match(tagPattern) ?? [];
  if (tags.length !== tagsPerTurn) return malformed("a turn has one thought and one action");
  const body = match.groups["body"] ?? "";
  switch (match.groups["tag"]) {
    case "problem":
      return parseProblems(body);
    case "code":
      return parseProgram(body);
    case "search":
      return parseText("search", body);
    default:
      return parseText("answer", body);
  }
}

function parseProblems(body: string): Action {
  const list = problemPattern.exec(body)?.groups?.["list"];
  if (list === undefined) return malformed("<problem> holds {'name', …}");
  const named = [...list.matchAll(/'([^']+)'/g)].map((match) => match[1] as Problem);
  const unknown = named.find((name) => !problems.includes(name));
  if (unknown !== undefined) return malformed(`there is no problem '${unknown}'`);
  return { kind: "problem", problems: [...new Set(named)] };
}

function parseProgram(body: string): Action {
  const program = programPattern.exec(body)?.groups?.["program"];
  return program === undefined
    ? malformed("<code> holds one ```python block")
    : { kind: "code", program };
}

function parseText(kind: "search" | "answer", body: string): Action {
  const text = body.trim();
  if (text === "") return malformed(`<${kind}> is empty`);
  return kind === "search" ? { kind, query: text } : { kind, answer: text };
}
