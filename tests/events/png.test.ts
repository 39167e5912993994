// Blobs are named by their bytes, so an image's bytes may depend on its pixels only.
import { deflateSync, inflateSync, constants as zlib } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encodePng, RandomStream } from "../../events/index.ts";

const test = suite("png");
const beforeData = 8 + 25 + 8;
const afterData = 4 + 12;

for (const [width, height] of [
  [1, 1],
  [56, 56],
  [512, 300],
] as const) {
  test(`the bytes of ${width}x${height} are those of one whole deflate`, async () => {
    const random = new RandomStream("png", `${width}x${height}`);
    const pixels = Uint8Array.from({ length: width * height * 3 }, () => random.integer(4) * 60);
    const png = Buffer.from(await encodePng(pixels, { width, height, channels: 3 }));
    const data = png.subarray(beforeData, png.length - afterData);
    const rows = inflateSync(data);
    const whole = deflateSync(rows, { level: 1, strategy: zlib.Z_RLE });
    assert.ok(whole.equals(data), "equal to what zlib gives with its own pieces");
    const unfiltered = Buffer.concat(
      Array.from({ length: height }, (_, y) =>
        rows.subarray(y * (width * 3 + 1) + 1).subarray(0, width * 3),
      ),
    );
    assert.ok(unfiltered.equals(Buffer.from(pixels)));
  });
}

test.run();
