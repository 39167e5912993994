// From a lesson to a training sequence: token ids, which of them are learnt, and the images'
// pixels. The ids are laid out exactly as Rollout lays out a trajectory, so that what is learnt
// here is what is met there.
import {
  imageTokenCount,
  type PreprocessedImage,
  type Preprocessor,
  preprocessImage,
  type Tokenizer,
} from "../../../model/index.ts";
import type { GreyImage, Lesson, Message } from "../../../tasks/index.ts";

/** One training sequence. `learnt[i]` is 1 where token i carries loss. */
export interface TrainingSequence {
  readonly ids: readonly number[];
  readonly learnt: readonly number[];
  readonly images: readonly PreprocessedImage[];
}

/** What turns words and pixels into numbers. */
export interface LessonEncoder {
  readonly tokenizer: Tokenizer;
  readonly preprocessor: Preprocessor;
}

/** Encodes a lesson. */
export function encodeLesson(encoder: LessonEncoder, lesson: Lesson): TrainingSequence {
  const ids: number[] = [];
  const learnt: number[] = [];
  const images: PreprocessedImage[] = [];
  const add = (tokens: readonly number[], mask: (index: number) => boolean = () => false) => {
    tokens.forEach((token, index) => {
      ids.push(token);
      learnt.push(mask(index) ? 1 : 0);
    });
  };
  const see = (image: GreyImage | null): number[] => {
    if (image === null) return [];
    const seen = preprocessImage(toRgb(image), encoder.preprocessor);
    images.push(seen);
    return [imageTokenCount(seen.grid, encoder.preprocessor.mergeSize)];
  };
  const { tokenizer } = encoder;
  const counts = see(lesson.image);
  const content = contentOf(lesson.image, lesson.question);
  const chat = [{ role: "user" as const, content }];
  add(tokenizer.encodeChat(chat, { addGenerationPrompt: true, imageTokenCounts: counts }));
  for (const message of lesson.messages) {
    if (message.role === "agent") {
      const spoken = [...tokenizer.encode(message.text, { special: false }), tokenizer.endOfTurnId];
      add(spoken, learntTokens(tokenizer, spoken, message));
      continue;
    }
    const imageTokenCounts = see(message.image);
    const said = contentOf(message.image, message.text);
    add(tokenizer.encodeTurnSuffix(said, { imageTokenCounts, turnEnded: true }));
  }
  return { ids, learnt, images };
}

function contentOf(image: GreyImage | null, text: string) {
  const words = text === "" ? [] : [{ type: "text" as const, text }];
  return image === null ? words : [{ type: "image" as const }, ...words];
}

function learntTokens(
  tokenizer: Tokenizer,
  spoken: readonly number[],
  message: Extract<Message, { role: "agent" }>,
): (index: number) => boolean {
  if (message.loss === "none") return () => false;
  if (message.loss === "all") return () => true;
  if (message.loss === "action") {
    const thought = spoken.indexOf(tokenizer.id("</think>"));
    return (index) => index > thought;
  }
  const open = spoken.indexOf(tokenizer.id("<answer>"));
  const close = spoken.indexOf(tokenizer.id("</answer>"));
  return (index) => index <= open || index >= close;
}

function toRgb({ width, height, pixels }: GreyImage) {
  const data = new Uint8Array(pixels.length * 3);
  for (const [index, value] of pixels.entries()) data.fill(value, 3 * index, 3 * index + 3);
  return { width, height, data };
}
