// The text that a model reads about an execution: short, and equal whenever the execution is.
import type { ExecutionCause, ExecutionResult } from "./types.ts";

/** Characters of the program's own words (its output, or its error) that are shown. */
const quotedCharactersMax = 400;

const sentences: Readonly<Record<ExecutionCause, string>> = {
  ok: "The code ran and wrote the image.",
  error: "The code failed.",
  "syntax-error": "The code does not parse.",
  timeout: "The code was stopped: it ran longer than the time limit.",
  "out-of-memory": "The code was stopped: it used more memory than the limit.",
  "output-too-large": "The code was stopped: its output is larger than the limit.",
  "no-image": "The code ran, but did not write path_to_output_image.jpg.",
  "bad-image": "The code ran, but path_to_output_image.jpg is not an image.",
  killed: "The code crashed.",
};

/**
 * No times, addresses or host details. Whoever puts it into a prompt escapes tags, as for any text.
 */
export function describeForModel(result: ExecutionResult): string {
  const said = quoteOf(result);
  return said === "" ? sentences[result.cause] : `${sentences[result.cause]}\n${said}`;
}

function quoteOf({ cause, stdout, stderr }: ExecutionResult): string {
  const output = cut(clean(stdout));
  if (cause !== "error" && cause !== "syntax-error") return output;
  const error = cut(lastLine(clean(stderr)));
  return [error, output].filter((part) => part !== "").join("\n");
}

/** A traceback's last line names the error; the line of the program is in the frame above it. */
function lastLine(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const numbers = [...text.matchAll(/File "program\.py", line (\d+)/g)];
  const line = numbers.at(-1)?.[1];
  const last = lines.at(-1)?.trim() ?? "";
  return line === undefined || last === "" ? last : `line ${line}: ${last}`;
}

function clean(text: string): string {
  return (
    text
      .replace(/0x[0-9a-fA-F]{4,}/g, "0x...")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "")
      .trim()
  );
}

function cut(text: string): string {
  return text.length <= quotedCharactersMax ? text : `${text.slice(0, quotedCharactersMax)}...`;
}
