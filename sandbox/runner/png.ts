// PNG of raw pixels, for speed and equal bytes: no row filters, and zlib's run-length strategy,
// which leaves no choice to the machine (sharp's encoder picks matches by instruction set, and is
// slower). https://www.w3.org/TR/png-3/
import { promisify } from "node:util";
import { constants, crc32, deflate } from "node:zlib";
import { assert } from "../../events/index.ts";

const deflateAsync = promisify(deflate);
const signature = Buffer.from("89504e470d0a1a0a", "hex");
/** PNG's colour type by number of channels. */
const colourTypes: Readonly<Record<number, number>> = { 1: 0, 3: 2 };

interface PixelLayout {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Encodes 8-bit grey or RGB pixels, rows from the top without padding. */
export async function encodePng(pixels: Buffer, layout: PixelLayout): Promise<Buffer> {
  const { width, height, channels } = layout;
  const rowBytes = width * channels;
  const colourType = colourTypes[channels];
  assert(colourType !== undefined, `an image of ${channels} channels`);
  assert(pixels.length === rowBytes * height, "pixels do not fill the image");
  const rows = Buffer.alloc((rowBytes + 1) * height);
  for (let y = 0; y < height; y += 1) {
    pixels.copy(rows, y * (rowBytes + 1) + 1, y * rowBytes, (y + 1) * rowBytes);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, colourType], 8);
  const packed = await deflateAsync(rows, { level: 1, strategy: constants.Z_RLE });
  return Buffer.concat([
    signature,
    ...chunk("IHDR", header),
    ...chunk("IDAT", packed),
    ...chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, content: Buffer): readonly Buffer[] {
  const name = Buffer.from(type, "latin1");
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  check.writeUInt32BE(crc32(content, crc32(name)));
  return [length, name, content, check];
}
