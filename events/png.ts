// How images are written: equal pixels, equal bytes, hence equal names. No row filters and zlib's
// run-length strategy leave no choice to the machine (the usual encoders pick their matches by
// instruction set, and are slower). https://www.w3.org/TR/png-3/
import { promisify } from "node:util";
import { constants, crc32, deflate } from "node:zlib";
import { assert } from "./errors.ts";

const deflateAsync = promisify(deflate);
const signature = Buffer.from("89504e470d0a1a0a", "hex");
const bitDepth = 8;
/** zlib hands its output over in pieces of so many bytes, each a turn of the thread pool. */
const pieceBytes = { min: 16 * 1024, max: 1024 * 1024 };
/** PNG's colour type by number of channels. */
const colourTypes: Readonly<Record<number, number>> = { 1: 0, 3: 2 };

/** The size of an image; 1 channel is grey, 3 are RGB. */
interface PixelLayout {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Encodes 8-bit pixels, rows from the top without padding. */
export async function encodePng(
  pixels: Uint8Array,
  { width, height, channels }: PixelLayout,
): Promise<Uint8Array> {
  const rowBytes = width * channels;
  const colourType = colourTypes[channels];
  assert(colourType !== undefined, `an image of ${channels} channels`);
  assert(width > 0 && height > 0, "an image has at least one pixel");
  assert(pixels.length === rowBytes * height, "pixels do not fill the image");
  const rows = new Uint8Array((rowBytes + 1) * height);
  for (let y = 0; y < height; y++) {
    rows.set(pixels.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bitDepth, colourType], 8);
  const chunkSize = Math.min(pieceBytes.max, Math.max(pieceBytes.min, rows.length >> 1));
  const packed = await deflateAsync(rows, { level: 1, strategy: constants.Z_RLE, chunkSize });
  return new Uint8Array(
    Buffer.concat([
      signature,
      ...chunk("IHDR", header),
      ...chunk("IDAT", packed),
      ...chunk("IEND", Buffer.alloc(0)),
    ]),
  );
}

function chunk(type: string, content: Buffer): readonly Buffer[] {
  const name = Buffer.from(type, "latin1");
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  check.writeUInt32BE(crc32(content, crc32(name)));
  return [length, name, content, check];
}
