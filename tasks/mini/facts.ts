// The world behind the search task: every name has a colour, a size and a city. The facts are drawn
// from the name's hash and stand only in the corpus; no policy can know them without searching.
import { sha256Bytes } from "../../events/index.ts";
import { names, type Split, splitOf } from "./split.ts";

/** What can be asked of a thing, and what the answer may be. */
export const attributes = {
  colour: ["red", "blue", "green", "black", "white", "pink"],
  size: ["tiny", "small", "medium", "large", "huge", "giant"],
  city: ["paris", "rome", "oslo", "cairo", "lima", "delhi"],
} as const;

export type Attribute = keyof typeof attributes;

export const attributeNames = Object.keys(attributes) as Attribute[];

/** The one true value of an attribute of a name. */
export function factOf(name: readonly string[], attribute: Attribute): string {
  const values = attributes[attribute];
  const digest = sha256Bytes("varft mini facts", `${name.join("")}.${attribute}`);
  return values[(digest[0] as number) % values.length] as string;
}

/** A passage of a search corpus, as a line of its JSONL file. */
export interface Passage {
  readonly id: string;
  readonly contents: string;
}

/** The sentence that holds a fact. */
export function sentenceOf(name: readonly string[], attribute: Attribute, value: string): string {
  return `${name.join(" ")} ${attribute} is ${value}`;
}

/** The corpus, or a part of it: one passage a fact, ordered by name. */
export function miniCorpus(part?: Split): readonly Passage[] {
  const told = part === undefined ? names : names.filter((name) => splitOf(name) === part);
  return told.flatMap((name) =>
    attributeNames.map((attribute) => ({
      id: `${name.join("")}.${attribute}`,
      contents: sentenceOf(name, attribute, factOf(name, attribute)),
    })),
  );
}
