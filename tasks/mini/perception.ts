// The first lessons: reading letters, seeing what is wrong with an image, copying from a passage.
// They come before the protocol, because reinforcement can choose among what a policy sees but does
// not teach it to see (measured; see docs/tiny-checkpoint.md).
import type { RandomStream } from "../../events/index.ts";
import { informationOf } from "../protocol/index.ts";
import { attributeNames, attributes, sentenceOf } from "./facts.ts";
import { drawInk, drawText, letters } from "./glyphs.ts";
import { type GreyImage, imageFrom, rotateCounterclockwise } from "./image.ts";
import { degradations, degrade } from "./kinds.ts";
import type { Lesson } from "./lesson.ts";
import { cutLine, harmless, rightRepair } from "./programs.ts";
import { type Field, fieldCoordinates, fields, sheetOf } from "./sheet.ts";
import { drawName, drawTextOf } from "./split.ts";

/** What the first lessons are made of, as shares (0–1); the rest is reading. */
export interface PerceptionMix {
  readonly trouble: number;
  readonly copy: number;
}

/** Repairs that leave traces are read more often. */
const repairable = ["dark", "overexposure", "blur", "noise", "noise"] as const;
const repairedShare = 0.6;
/** Single letters keep pairs from being learnt by heart. */
const singleLetterShare = 0.35;
/** Which way up is the hardest to see, and every retry depends on it. */
const troubles = [
  ...degradations,
  "rotation90",
  "rotation180",
  "rotation180",
  "rotation270",
  "rotation270",
  "none",
  "none",
  "none",
  "crop",
] as const;
/** Images on which a needless repair was tried: what a second look sees. */
const touchedShare = 0.25;
const jpegNoiseLevels = 3;

/** Draws one first lesson. `jitterPixels` bounds how far from the centre the letters stand. */
export function perceive(random: RandomStream, mix: PerceptionMix, jitterPixels: number): Lesson {
  const dice = random.uniform();
  if (dice < mix.copy) return copyLesson(random);
  if (dice < mix.copy + mix.trouble) return troubleLesson(random, jitterPixels);
  return readingLesson(random, jitterPixels);
}

function reply(image: GreyImage | null, question: string, text: string): Lesson {
  return { image, question, messages: [{ role: "agent", text, loss: "all" }] };
}

function readingLesson(random: RandomStream, jitterPixels: number): Lesson {
  const isSingle = random.uniform() < singleLetterShare;
  const text = isSingle ? [random.pick(letters)] : drawTextOf(random, "train");
  let image = drawText(random, text, drawInk(random), jitterPixels);
  if (random.uniform() < repairedShare) {
    const problem = random.pick(repairable);
    const repaired = rightRepair(problem, 0)?.apply(degrade(random, image, problem));
    image = withJpegNoise(random, repaired ?? image);
  }
  return reply(image, "Spell it.", ` ${text.join(" ")}`);
}

function troubleLesson(random: RandomStream, jitterPixels: number): Lesson {
  const draw = () => drawText(random, drawTextOf(random, "train"), ink, jitterPixels);
  const ink = drawInk(random);
  const trouble = random.pick(troubles);
  let image = draw();
  if (trouble === "crop") {
    image = sheetOf(fields.map((field: Field) => (field === 0 ? image : draw())));
  } else if (trouble === "rotation270") {
    image = rotateCounterclockwise(image);
  } else {
    image = degrade(random, image, trouble);
  }
  // Clean images that were touched come with the protocol, where a look must tell them apart.
  const touches = trouble === "none" ? [] : harmless(trouble);
  if (touches.length > 0 && random.uniform() < touchedShare) {
    image = withJpegNoise(random, random.pick(touches).repair.apply(image));
  }
  return reply(image, "What is wrong?", ` ${trouble}`);
}

function copyLesson(random: RandomStream): Lesson {
  const attribute = random.pick(attributeNames);
  const value = random.pick(attributes[attribute]);
  const passage = sentenceOf(drawName(random, "train"), attribute, value);
  return reply(null, informationOf([passage]), ` ${value}`);
}

/** The field of a sheet from its coordinates to the line that cuts it out, without an image. */
export function fieldLesson(random: RandomStream): Lesson {
  const field = random.pick(fields);
  return reply(null, `Cut ${fieldCoordinates(field)} out.`, `${cutLine(field)}\n`);
}

/** What a pass through JPEG does to a repaired image, near enough: a few levels either way. */
function withJpegNoise(random: RandomStream, image: GreyImage): GreyImage {
  const noise = random.bytes(image.pixels.length);
  return imageFrom(image.width, image.height, (x, y) => {
    const index = y * image.width + x;
    const shift = ((noise[index] as number) / 256 - 0.5) * 2 * jpegNoiseLevels;
    return (image.pixels[index] as number) + shift;
  });
}
