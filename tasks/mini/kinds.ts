// The eight kinds of trouble of MAT-Coding (paper B.2.2), and the hard ones: a rotation with one of
// the others. Each kind says how an image is spoilt; `programs.ts` knows the right repairs.
import type { RandomStream } from "../../events/index.ts";
import type { Problem } from "../protocol/index.ts";
import { boxBlur, type GreyImage, mapPixels, rotateClockwise, rotateHalf } from "./image.ts";

/** Problems that spoil the pixels of one ordinary image. */
export const degradations = [
  "rotation90",
  "rotation180",
  "dark",
  "overexposure",
  "blur",
  "noise",
] as const satisfies readonly Problem[];

const rotations = ["rotation90", "rotation180"] as const;
const others = ["dark", "overexposure", "blur", "noise"] as const;

/** The hard kinds, each `<rotation>+<other>`, none of which is ever demonstrated. */
export const pairs: readonly string[] = rotations.flatMap((rotation) =>
  others.map((other) => `${rotation}+${other}`),
);

/** Pairs that GRPO does not see either: they measure what carries over. */
export const pairsKeptOut: readonly string[] = ["rotation90+overexposure", "rotation180+dark"];

/** Pairs that GRPO trains on. */
export const pairsTrained: readonly string[] = pairs.filter((pair) => !pairsKeptOut.includes(pair));

/** `"rotation90+dark"` → `["rotation90", "dark"]`. */
export function problemsOf(kind: string): Problem[] {
  return kind.split("+") as Problem[];
}

const darkFactor = 0.12;
/** Of 256 pixels, how many turn black and how many white: 22 % together. */
const noisePixels = 28;

/** Spoils an image. Rotations are clockwise (paper B.2.2), so the repair turns back. */
export function degrade(random: RandomStream, image: GreyImage, problem: Problem): GreyImage {
  switch (problem) {
    case "rotation90":
      return rotateClockwise(image);
    case "rotation180":
      return rotateHalf(image);
    case "dark":
      return mapPixels(image, (value) => value * darkFactor);
    case "overexposure":
      return mapPixels(image, (value) => 255 - (255 - value) * darkFactor);
    case "blur":
      return boxBlur(boxBlur(image, 7), 5);
    case "noise":
      return addNoise(image, random.bytes(image.pixels.length));
    default:
      return image;
  }
}

function addNoise(image: GreyImage, dice: Uint8Array): GreyImage {
  const pixels = image.pixels.map((value, index) => {
    const die = dice[index] as number;
    if (die < noisePixels) return 0;
    return die < 2 * noisePixels ? 255 : value;
  });
  return { ...image, pixels };
}
