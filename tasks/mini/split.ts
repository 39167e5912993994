// Which texts are held out. The split is by the hash of the text itself, so that strings, images
// and facts of the held-out part can be seen neither by the warm start nor by GRPO, whatever the
// seed.
import { type RandomStream, sha256Bytes } from "../../events/index.ts";
import { letters } from "./glyphs.ts";

/** `train`: warm start and GRPO. `heldout`: evaluation only. */
export type Split = "train" | "heldout";

const heldoutShare = 0.25;

/** The part that a text belongs to. */
export function splitOf(text: readonly string[]): Split {
  const digest = sha256Bytes("varft mini benchmark", text.join(""));
  return (digest[0] as number) / 256 < heldoutShare ? "heldout" : "train";
}

const texts = letters.flatMap((first) => letters.map((second) => [first, second]));

/** All two-letter texts of a part. */
export function textsOf(split: Split): readonly (readonly string[])[] {
  return texts.filter((text) => splitOf(text) === split);
}

const drawable = { train: textsOf("train"), heldout: textsOf("heldout") };
const isName = ([first = "", second = ""]: readonly string[]) => first < second;
const namesOf = { train: drawable.train.filter(isName), heldout: drawable.heldout.filter(isName) };

/** A random text of a part. */
export function drawTextOf(random: RandomStream, split: Split): readonly string[] {
  return random.pick(drawable[split]);
}

/**
 * A random name of a thing, of a part. Names have their letters in order, because BM25 does not
 * tell "7 K" from "K 7".
 */
export function drawName(random: RandomStream, split: Split): readonly string[] {
  return random.pick(namesOf[split]);
}

/**
 * `name` with one letter wrong: another name of the same part, so that a slip in a demonstration
 * never leads to a held-out fact.
 */
export function misread(random: RandomStream, name: readonly string[]): readonly string[] {
  const part = namesOf[splitOf(name)];
  const near = part.filter((other) => other.filter((letter) => name.includes(letter)).length === 1);
  return random.pick(near);
}

/** All names of things, of both parts: the corpus must know the held-out ones too. */
export const names: readonly (readonly string[])[] = texts.filter(isName);
