// From an opened image to RGB, as transformers and Pillow convert (`convert_to_rgb`): profiles are
// dropped, grey is repeated, and what is transparent is laid on white.
import type { Metadata, Sharp } from "sharp";
import type { RgbImage } from "./rgb-image.ts";

const white = 255;

/** The pixels of `image`, whose file begins with `head` and has the metadata `meta`. */
export async function toRgb(
  image: Sharp,
  meta: Pick<Metadata, "space" | "hasAlpha">,
  head: Uint8Array,
): Promise<RgbImage> {
  if (isWideGrey(head)) return wideGrey(image);
  if (meta.space === "cmyk")
    return bytesOf(image.pipelineColourspace("cmyk").toColourspace("cmyk"), rgbOfCmyk);
  const opened = image.toColourspace("srgb");
  return meta.hasAlpha ? bytesOf(opened, onWhite) : bytesOf(opened, rgbOf);
}

async function bytesOf(
  image: Sharp,
  convert: (data: Uint8Array, channels: number) => Uint8Array,
): Promise<RgbImage> {
  const { data, info } = await image.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: convert(data, info.channels) };
}

/** Whether it is a PNG of grey values of 16 bits without alpha: its header says so. */
function isWideGrey(head: Uint8Array): boolean {
  const [png = 0, depth, colour] = [head[0], head[24], head[25]];
  return png === 0x89 && depth === 16 && colour === 0;
}

/**
 * Pillow reads such an image as its mode `I;16` and does not take the upper 8 bits, as it does for
 * every other image of 16 bits, but cuts off at 255: most values become white. That is of little
 * use to a model, but the reference sees it so, and other engines with it.
 */
async function wideGrey(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .removeAlpha()
    .toColourspace("grey16")
    .raw({ depth: "ushort" })
    .toBuffer({ resolveWithObject: true });
  const values = new Uint16Array(new Uint8Array(data).buffer);
  const bytes = Uint8Array.from(values, (value) => Math.min(value, white));
  return { width: info.width, height: info.height, data: rgbOf(bytes, info.channels) };
}

function rgbOf(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data);
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let pixel = 0; pixel < data.length / channels; pixel++) {
    rgb.fill(data[pixel * channels] ?? 0, 3 * pixel, 3 * pixel + 3);
  }
  return rgb;
}

/** Extra bits with which Pillow mixes two colours (`PRECISION_BITS`, AlphaComposite.c). */
const mixBits = 7;

/** Pillow's `alpha_composite` over opaque white, for grey and alpha or RGB and alpha. */
function onWhite(data: Uint8Array, channels: number): Uint8Array {
  const colours = channels - 1;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let pixel = 0; pixel < data.length / channels; pixel++) {
    const start = pixel * channels;
    const alpha = data[start + colours] ?? white;
    for (let colour = 0; colour < 3; colour++) {
      const value = data[start + (colour % colours)] ?? 0;
      const mixed = (value * alpha + white * (white - alpha) + 128) << mixBits;
      rgb[3 * pixel + colour] = (((mixed >> 8) + mixed) >> 8) >> mixBits;
    }
  }
  return rgb;
}

/** `cmyk2rgb`, src/libImaging/Convert.c: no profile, one product per colour. */
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
