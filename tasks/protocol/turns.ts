// The words of the protocol: what the model says in a demonstration, and what the environment says
// back. Tags are those of Visual-ARFT; the sentences are short ones of the mini benchmark's own.

const say = (thought: string, tag: string, body: string) =>
  `<think> ${thought}</think><${tag}>${body}</${tag}>`;

/** `<problem>`: the diagnosis of the image. */
export const sayProblem = (thought: string, problems: readonly string[]): string =>
  say(thought, "problem", ` {${problems.map((problem) => `'${problem}'`).join(", ")}}`);

/** `<code>`: a complete program. */
export const sayCode = (thought: string, program: string): string =>
  say(thought, "code", `\`\`\`python\n${program}\`\`\``);

/** `<search>`: a query. */
export const saySearch = (thought: string, query: string): string =>
  say(thought, "search", ` ${query}`);

/** `<answer>`: the end. */
export const sayAnswer = (thought: string, answer: string): string =>
  say(thought, "answer", ` ${answer}`);

const tips = (text: string) => `<tips> ${text}</tips>`;

/** What the environment answers to a diagnosis. */
export function tipsAfterProblem(problems: readonly string[]): string {
  return tips(problems.length === 1 && problems[0] === "none" ? "answer" : "repair");
}

/** What the environment says with the image that a program wrote: the image is the message. */
export const textWithImage = "";

/**
 * What the environment says when a program gave no image. `reason` is stable and holds no place.
 */
export const tipsAfterFailure = (reason: string): string => tips(escapeTags(reason));

/** What the environment says when the model has used up its tool calls. */
export const tipsNoCallsLeft: string = tips("no calls left");

/** The hits of a search, each escaped, as the reference numbers and joins them. */
export function informationOf(passages: readonly string[]): string {
  const text = passages.map(escapeTags).join(" ");
  return `<information>${text === "" ? " nothing" : ` ${text}`}</information>`;
}

/** Makes outside text unable to open or close a tag or a special token. */
export function escapeTags(text: string): string {
  return text.replaceAll("<", "‹").replaceAll(">", "›");
}

const protocolTag =
  /<(?=\s*\/?\s*(?:think|problem|code|search|answer|information|tips|query)\b[^<>]*>)/gi;

/** The same for the protocol's own tags alone: a question may compare numbers. */
export function escapeProtocolTags(text: string): string {
  return text.replaceAll(protocolTag, "‹");
}
