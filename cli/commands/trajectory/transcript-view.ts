// A transcript as lines of text.
import type { HashName } from "../../../events/index.ts";
import type { Colors } from "../../terminal.ts";
import { short, shortHash } from "../../text/index.ts";
import type { Transcript, TranscriptTurn } from "./transcript.ts";

export interface TranscriptViewOptions {
  readonly colors: Colors;
  /** Token ids as text; null where there is no tokenizer. */
  readonly decode: ((ids: Int32Array) => string) | null;
  /** File names of images. */
  readonly images: ReadonlyMap<HashName, string>;
  /** What the ids are; left out: tokens. */
  readonly unit?: string;
}

/** The transcript, for people. */
export function transcriptLines(transcript: Transcript, options: TranscriptViewOptions): string[] {
  const { colors } = options;
  const { stream, policy, sampling, task, prompt, retrieved, turns, end } = transcript;
  const how = sampling?.greedy ? "greedy" : `temperature ${sampling?.temperature ?? "?"}`;
  const mode = sampling?.mode === undefined ? "" : `, asked ${sampling.mode}`;
  const notes = `${mode}${sampling?.tools === false ? ", tools switched off" : ""}`;
  const lines = [`${colors.bold(stream)}  policy ${shortHash(policy)}  ${how}${notes}`];
  if (task !== null) {
    const { kind, question, answers } = task;
    lines.push(`task ${task.id}  ${task.task}, ${kind}`);
    lines.push(`question  ${question}`, `answer    ${answers.join(" | ")}`);
  }
  if (prompt !== null) {
    const unit = options.unit ?? "tokens";
    lines.push("", colors.dim(`── prompt, ${prompt.ids.length} ${unit}`));
    lines.push(...imageLines(prompt.images, options), ...textLines(prompt.ids, options));
  }
  if (retrieved !== null) lines.push("", ...consequenceLines(retrieved, options));
  for (const turn of turns) lines.push("", ...turnLines(turn, options));
  lines.push("");
  if (end === null) lines.push(colors.yellow("not ended"));
  else {
    const answer = end.answer === null ? "" : `: ${end.answer}`;
    lines.push(`ended  ${end.cause}${answer}  (${end.turns} turns, ${end.calls} calls)`);
  }
  return [...lines, ...rewardLines(transcript, colors)];
}

function turnLines(turn: TranscriptTurn, options: TranscriptViewOptions): string[] {
  const { colors } = options;
  const scored = [
    `log-prob mean ${short(turn.logProbMean)}, least ${short(turn.logProbMin)}`,
    `entropy ${short(turn.entropy)}`,
  ];
  const figures = [
    `${turn.tokens} ${options.unit ?? "tokens"}`,
    ...(turn.unscored ? ["no log-probs"] : scored),
    ...(turn.finish === "length" ? ["cut at the token limit"] : []),
  ];
  const lines = [
    colors.cyan(`── turn ${turn.turn}, agent  `) + colors.dim(figures.join(" · ")),
    ...textLines(turn.ids, options),
  ];
  return [...lines, ...consequenceLines(turn, options)];
}

/** What a turn, or the search before the first one, led to. */
function consequenceLines(
  { call, returned, prompted }: Pick<TranscriptTurn, "call" | "returned" | "prompted">,
  options: TranscriptViewOptions,
): string[] {
  const { colors } = options;
  const lines: string[] = [];
  if (call !== null) {
    const input = call.image === null ? "" : `  on ${fileOf(call.image, options)}`;
    lines.push(colors.yellow(`── ${call.tool} called${input}`));
    lines.push(...indent(call.input));
  }
  if (returned !== null) {
    const { wallMs } = returned.observed;
    const took = typeof wallMs === "number" ? `, ${wallMs.toFixed(1)} ms` : "";
    lines.push(colors.yellow(`── ${call?.tool ?? "tool"} returned  ${returned.cause}${took}`));
    lines.push(...indent(returned.text));
    if (returned.image !== null) lines.push(`  image ${fileOf(returned.image, options)}`);
  }
  if (prompted !== null) {
    const unit = options.unit ?? "tokens";
    lines.push(colors.dim(`── environment, ${prompted.ids.length} ${unit}`));
    lines.push(...textLines(prompted.ids, options));
  }
  return lines;
}

function rewardLines({ reward }: Transcript, colors: Colors): string[] {
  if (reward === null) return [colors.yellow("not judged")];
  const parts = reward.components.map(
    ({ name, value, weight }) => `${name} ${short(value)} × ${short(weight)}`,
  );
  const pixels =
    reward.pixelError === null
      ? ""
      : `  pixel error to the right repair ${short(reward.pixelError)}`;
  return [
    `reward ${colors.bold(short(reward.reward))} = ${parts.join(" + ")}`,
    `exact match ${reward.em}  F1 ${short(reward.f1)}${pixels}`,
  ];
}

const imageRun = /(?:<\|image_pad\|>){2,}/g;

function textLines(ids: Int32Array, { decode }: TranscriptViewOptions): string[] {
  if (decode === null) return [`  (${ids.length} token ids; the tokenizer is not at hand)`];
  const text = decode(ids).replaceAll(imageRun, (run) => {
    return `<|image_pad|> × ${run.length / "<|image_pad|>".length}`;
  });
  return indent(text);
}

function imageLines(images: readonly HashName[], options: TranscriptViewOptions): string[] {
  return images.map((image) => `  image ${fileOf(image, options)}`);
}

function fileOf(image: HashName, { images }: TranscriptViewOptions): string {
  return images.get(image) ?? shortHash(image);
}

function indent(text: string): string[] {
  return text === ""
    ? []
    : text
        .trimEnd()
        .split("\n")
        .map((line) => `  ${line}`);
}
