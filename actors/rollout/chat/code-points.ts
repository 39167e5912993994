// Conversations with a server that takes and gives text and tells no token ids. In the ledger they
// are Unicode code points, and marks above the last of them (0x10FFFF) for what is no text: nothing
// is lost, nothing is invented, and no text can forge a mark. `units` of `trajectory.started` says
// so. Pure.
import type { HashName } from "../../../events/index.ts";
import type { EncodedText, Encoder, EnvironmentText } from "../ports.ts";

/** What is no text. Recorded: the numbers must stay. */
const marks = {
  user: 0x11_00_00,
  assistant: 0x11_00_01,
  /** The end of a message. */
  end: 0x11_00_02,
  /** The server cut the message off. */
  cut: 0x11_00_03,
  image: 0x11_00_04,
} as const;

const shown = new Map<number, string>([
  [marks.user, "\n[user] "],
  [marks.assistant, "\n[assistant] "],
  [marks.end, ""],
  [marks.cut, " [cut off]"],
  [marks.image, "[image]"],
]);

/** Where an image stands in the environment's words. */
const imageMark = "<image>";

/** A message, text and images in their order. */
export interface ChatMessage {
  readonly role: "user" | "assistant";
  readonly parts: readonly ({ readonly text: string } | { readonly image: HashName })[];
}

/** The environment's words as code points. */
export const codePointEncoder: Encoder = {
  async prompt(words) {
    return encoded([marks.user, ...idsOf(words), marks.end, marks.assistant], words.images);
  },
  async continuation(words, ended) {
    const before = ended ? [] : [marks.end];
    const ids = [...before, marks.user, ...idsOf(words), marks.end, marks.assistant];
    return encoded(ids, words.images);
  },
  decode: (ids) => textOf(ids.filter((id) => id < marks.user)),
};

/** A turn of the server. A message of nothing still has its end. */
export function turnIds(text: string, finish: "stop" | "length"): Int32Array {
  return Int32Array.from([...codesOf(text), finish === "stop" ? marks.end : marks.cut]);
}

/** The conversation so far; the message that is about to be written is left out. */
export function messagesOf(ids: Int32Array, images: readonly HashName[]): readonly ChatMessage[] {
  const messages: { role: ChatMessage["role"]; parts: ChatMessage["parts"][number][] }[] = [];
  let next = 0;
  let text: number[] = [];
  const flush = (): void => {
    if (text.length > 0) messages.at(-1)?.parts.push({ text: textOf(text) });
    text = [];
  };
  for (const id of ids) {
    if (id < marks.user) {
      text.push(id);
      continue;
    }
    flush();
    const image = id === marks.image ? images[next++] : undefined;
    if (image !== undefined) messages.at(-1)?.parts.push({ image });
    if (id === marks.user) messages.push({ role: "user", parts: [] });
    if (id === marks.assistant) messages.push({ role: "assistant", parts: [] });
  }
  flush();
  return messages.filter(({ role, parts }, at) => {
    return role === "user" || parts.length > 0 || at < messages.length - 1;
  });
}

/** For people: the text, its marks as words. */
export function showCodePoints(ids: Int32Array): string {
  return Array.from(ids, (id) => shown.get(id) ?? String.fromCodePoint(id))
    .join("")
    .trimStart();
}

function encoded(ids: readonly number[], images: readonly HashName[]): EncodedText {
  return { ids: Int32Array.from(ids), images, units: "code-points" };
}

/** Marks beyond the images are text. */
function idsOf({ text, images }: EnvironmentText): number[] {
  const pieces = text.split(imageMark);
  const marked = Math.min(images.length, pieces.length - 1);
  const head = pieces.slice(0, marked).flatMap((piece) => [...codesOf(piece), marks.image]);
  return [...head, ...codesOf(pieces.slice(marked).join(imageMark))];
}

function codesOf(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}

function textOf(codes: Iterable<number>): string {
  return Array.from(codes, (code) => String.fromCodePoint(code)).join("");
}
