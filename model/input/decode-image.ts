// Turns the bytes of an image into RGB, as Pillow opens it and transformers converts it: the EXIF
// rotation is applied, colour profiles are dropped, what is transparent is laid on white.
//
// Invariants: 1. only PNG, JPEG and WebP reach the decoder (no SVG, which could fetch files);
//             2. nothing is decoded before its size is known to be within the limit (I7).
import sharp from "sharp";
import { ensureError } from "../../events/index.ts";
import { ImageError } from "./errors.ts";
import type { RgbImage } from "./rgb-image.ts";
import { toRgb } from "./to-rgb.ts";

export type ImageFormat = "png" | "jpeg" | "webp";

/** Largest image we decode unless told otherwise, pixels. */
export const imagePixelsMaxDefault = 64_000_000;

/**
 * Smallest side of an image that a person hands in, pixels. A picture of one pixel holds nothing to
 * see: it is a broken download or a tracking pixel, though the model's rule would blow it up.
 */
export const imageSideMin = 2;

export interface DecodeOptions {
  /** Smallest side in pixels; 1 when absent. */
  readonly sideMin?: number;
  /** Largest area in pixels; `imagePixelsMaxDefault` when absent. */
  readonly pixelsMax?: number;
  /** Names the image in errors: a file, a URL or a hash. */
  readonly source?: string;
}

/** The format that the first bytes announce. */
export function imageFormatOf(bytes: Uint8Array): ImageFormat | undefined {
  const magic = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  if (magic.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (magic.startsWith("\xff\xd8\xff")) return "jpeg";
  if (magic.startsWith("RIFF") && magic.endsWith("WEBP") && magic.length === 12) return "webp";
  return undefined;
}

/**
 * Decodes PNG, JPEG or WebP. Of an animation, the first image counts.
 *
 * @throws ImageError when the format is another, the bytes do not decode in full or the image
 * is too large or too small.
 */
export async function decodeImage(
  bytes: Uint8Array,
  options: DecodeOptions = {},
): Promise<RgbImage> {
  const { sideMin = 1, pixelsMax = imagePixelsMaxDefault, source = "the image" } = options;
  const format = imageFormatOf(bytes);
  if (format === undefined) {
    throw new ImageError(
      "image.format",
      `${source} (${bytes.byteLength} bytes) is not PNG, JPEG or WebP; convert it first`,
      { facts: { source, bytes: bytes.byteLength } },
    );
  }
  const reading = { failOn: "error", ignoreIcc: true, limitInputPixels: false } as const;
  const meta = await sharp(bytes, reading)
    .metadata()
    .catch((error: unknown) => {
      throw undecodable(source, format, error);
    });
  const pixels = meta.width * meta.height;
  if (pixels > pixelsMax) {
    throw new ImageError(
      "image.too_large",
      `${source} has ${meta.width}x${meta.height} = ${pixels} pixels, above the limit of ` +
        `${pixelsMax}; shrink it first`,
      { facts: { source, width: meta.width, height: meta.height, limit: pixelsMax } },
    );
  }
  if (Math.min(meta.width, meta.height) < sideMin) {
    throw new ImageError(
      "image.too_small",
      `${source} has ${meta.width}x${meta.height} pixels: there is nothing to see in it; each ` +
        `side needs at least ${sideMin}`,
      { facts: { source, width: meta.width, height: meta.height, limit: sideMin } },
    );
  }
  const image = sharp(bytes, { ...reading, autoOrient: true });
  return await toRgb(image, meta, bytes).catch((error: unknown) => {
    throw undecodable(source, format, error);
  });
}

function undecodable(source: string, format: ImageFormat, error: unknown): ImageError {
  return new ImageError(
    "image.undecodable",
    `${source} does not decode as ${format}: ${ensureError(error).message}`,
    { cause: error, facts: { source, format } },
  );
}
