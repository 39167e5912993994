// The size an image is resized to: transformers' smart_resize, in Python's arithmetic.
import { PromptError } from "./errors.ts";

/** Largest ratio of the sides that the model's rule allows. */
const aspectRatioMax = 200;

export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

export interface SmartResizeOptions {
  /** Both sides become multiples of it: patch size times merge size, pixels. */
  readonly factor: number;
  readonly pixelsMin: number;
  readonly pixelsMax: number;
  /** Names the image in errors; "an image" when absent. */
  readonly source?: string;
}

/**
 * Rounds both sides to multiples of `factor`, then scales the image into
 * `pixelsMin`..`pixelsMax` with its aspect ratio kept as well as multiples allow.
 *
 * @throws PromptError when one side is more than 200 times the other.
 */
export function smartResize({ width, height }: PixelSize, options: SmartResizeOptions): PixelSize {
  const { factor, pixelsMin, pixelsMax, source = "an image" } = options;
  const ratio = Math.max(width, height) / Math.min(width, height);
  if (!(ratio <= aspectRatioMax)) {
    throw new PromptError(
      "prompt.aspect_ratio",
      `${source} of ${width}x${height} pixels is too elongated: one side may be at most ` +
        `${aspectRatioMax} times the other; crop or pad it`,
      { facts: { source, width, height, limit: aspectRatioMax } },
    );
  }
  const nearest = (side: number) => roundHalfEven(side / factor) * factor;
  const pixels = nearest(width) * nearest(height);
  if (pixels > pixelsMax) {
    const beta = Math.sqrt((height * width) / pixelsMax);
    const shrink = (side: number) => Math.max(factor, Math.floor(side / beta / factor) * factor);
    return { width: shrink(width), height: shrink(height) };
  }
  if (pixels < pixelsMin) {
    const beta = Math.sqrt(pixelsMin / (height * width));
    const grow = (side: number) => Math.ceil((side * beta) / factor) * factor;
    return { width: grow(width), height: grow(height) };
  }
  return { width: nearest(width), height: nearest(height) };
}

/** Python's `round`: to the nearest whole number, ties to the even one. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
