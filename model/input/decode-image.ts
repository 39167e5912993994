// Turns the bytes of an image into RGB, as Pillow's `exif_transpose` and `convert("RGB")` do:
// the EXIF rotation is applied, alpha and colour profiles are dropped, grey is repeated.
//
// Invariants: 1. only PNG, JPEG and WebP reach the decoder (no SVG, which could fetch files);
//             2. nothing is decoded before its size is known to be within the limit (I7).
import sharp from "sharp";
import { ensureError } from "../../events/index.ts";
import { ImageError } from "./errors.ts";
import type { RgbImage } from "./rgb-image.ts";

export type ImageFormat = "png" | "jpeg" | "webp";

/** Largest image we decode unless told otherwise, pixels. */
export const imagePixelsMaxDefault = 64_000_000;

export interface DecodeOptions {
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
 * is too large.
 */
export async function decodeImage(
  bytes: Uint8Array,
  options: DecodeOptions = {},
): Promise<RgbImage> {
  const { pixelsMax = imagePixelsMaxDefault, source = "the image" } = options;
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
  const image = sharp(bytes, { ...reading, autoOrient: true });
  const cmyk = meta.space === "cmyk";
  const converted = cmyk
    ? image.pipelineColourspace("cmyk").toColourspace("cmyk")
    : image.removeAlpha().toColourspace("srgb");
  const { data, info } = await converted
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw undecodable(source, format, error);
    });
  const { width, height, channels } = info;
  return { width, height, data: cmyk ? rgbOfCmyk(data) : rgbOf(data, channels) };
}

function rgbOf(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data);
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let pixel = 0; pixel < data.length / channels; pixel++) {
    rgb.fill(data[pixel * channels] ?? 0, 3 * pixel, 3 * pixel + 3);
  }
  return rgb;
}

/**
 * Pillow's conversion (`cmyk2rgb`, src/libImaging/Convert.c): no profile, one product per colour.
 */
function rgbOfCmyk(data: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((data.length / 4) * 3);
  let target = 0;
  for (let offset = 0; offset < data.length; offset += 4) {
    const light = 255 - (data[offset + 3] ?? 0);
    for (let ink = 0; ink < 3; ink++) {
      const product = (data[offset + ink] ?? 0) * light + 128;
      rgb[target++] = light - (((product >> 8) + product) >> 8);
    }
  }
  return rgb;
}

function undecodable(source: string, format: ImageFormat, error: unknown): ImageError {
  return new ImageError(
    "image.undecodable",
    `${source} does not decode as ${format}: ${ensureError(error).message}`,
    { cause: error, facts: { source, format } },
  );
}
