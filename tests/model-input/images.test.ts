// Goal: images become the pixels that transformers and Pillow would give.
// Method: files and hashes written by Pillow (tests/reference/model_input.py), then round trips.
import fc from "fast-check";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encodePng } from "../../events/index.ts";
import {
  decodeImage,
  gridOf,
  ImageError,
  imageFormatOf,
  imageTokenCount,
  PromptError,
  preprocessImage,
  resizeBicubic,
  smartResize,
} from "../../model/input/index.ts";
import { raises } from "./raises.ts";
import { picture, reference, sha256 } from "./reference.ts";

const test = suite("model-input/images");
const seed = 20250522;

const preprocessor = {
  patchSize: 14,
  temporalPatchSize: 2,
  mergeSize: 2,
  pixelsMin: 3136,
  pixelsMax: 28 * 28 * 1280,
  rescaleFactor: 1 / 255,
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
} as const;

for (const { name, base64, width, height, sha256: expected } of reference.decodes) {
  test(`decodes as Pillow does: ${name}`, async () => {
    const image = await decodeImage(Buffer.from(base64, "base64"));
    assert.equal([image.width, image.height], [width, height]);
    assert.is(sha256(image.data), expected);
  });
}

test("of 16 bits per channel the upper 8 count", async () => {
  const values = Uint16Array.from([0x0000, 0x1280, 0xfeff, 0xffff, 0x8000, 0x7fff]);
  const wide = await sharp(values, { raw: { width: 2, height: 1, channels: 3 } })
    .toColourspace("rgb16")
    .png()
    .toBuffer();
  assert.is((await sharp(wide).metadata()).depth, "ushort");
  const { data } = await decodeImage(wide);
  assert.equal([...data], [0x00, 0x12, 0xfe, 0xff, 0x80, 0x7f]);
});

test("an embedded colour profile changes nothing", async () => {
  const { data, width, height } = picture(6, 5);
  const raw = { raw: { width, height, channels: 3 } } as const;
  const tagged = await sharp(data, raw).withIccProfile("p3", { attach: true }).png().toBuffer();
  const bare = await sharp(tagged, { ignoreIcc: true }).png().toBuffer();
  assert.ok((await sharp(tagged).metadata()).icc !== undefined);
  assert.equal((await decodeImage(tagged)).data, (await decodeImage(bare)).data);
});

test("formats are told by their first bytes", () => {
  const formats = new Set(
    reference.decodes.map(({ base64 }) => imageFormatOf(Buffer.from(base64, "base64"))),
  );
  assert.equal([...formats].sort(), ["jpeg", "png", "webp"]);
  for (const text of ["", "RIFF1234WEBX", "<svg/>", "GIF89a"]) {
    assert.is(imageFormatOf(Buffer.from(text)), undefined);
  }
});

test("other formats, cut and corrupted files and large images are refused", async () => {
  const type = ImageError;
  const source = "cat.png";
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  const names = [source];
  await raises(() => decodeImage(svg, { source }), { type, code: "image.format", names });
  await raises(() => decodeImage(Buffer.of(), { source }), { type, code: "image.format", names });
  const png = await encodePng(picture(40, 30).data, { width: 40, height: 30, channels: 3 });
  await raises(() => decodeImage(png, { pixelsMax: 1199, source }), {
    type,
    code: "image.too_large",
    names: [source, "40x30", "1199"],
  });
  assert.is((await decodeImage(png, { pixelsMax: 1200 })).width, 40);
  for (const { name, base64 } of reference.decodes) {
    const whole = Buffer.from(base64, "base64");
    for (const length of [16, Math.floor(whole.length / 2)]) {
      const cut = whole.subarray(0, length);
      const expected = { type, code: "image.undecodable", names };
      await raises(() => decodeImage(cut, { source }), expected).catch((error: unknown) => {
        throw new Error(`${name} cut to ${length} bytes`, { cause: error });
      });
    }
  }
});

test("PNG gives back the pixels, grey and RGB, and equal bytes for equal pixels", async () => {
  const size = fc.integer({ min: 1, max: 17 });
  await fc.assert(
    fc.asyncProperty(size, size, fc.constantFrom(1, 3), fc.infiniteStream(fc.nat(255)), check),
    { seed, numRuns: 40 },
  );
  async function check(width: number, height: number, channels: 1 | 3, values: Iterator<number>) {
    const data = Uint8Array.from({ length: width * height * channels }, () => values.next().value);
    const layout = { width, height, channels };
    const png = await encodePng(data, layout);
    assert.equal(png, await encodePng(data, layout));
    const decoded = await decodeImage(png);
    const rgb =
      channels === 3
        ? data
        : Uint8Array.from(
            { length: 3 * data.length },
            (_, index) => data[Math.floor(index / 3)] ?? 0,
          );
    assert.equal(decoded, { width, height, data: rgb });
  }
});

test("PNG of a flat image is small", async () => {
  const data = new Uint8Array(224 * 224 * 3).fill(200);
  const layout = { width: 224, height: 224, channels: 3 };
  assert.ok((await encodePng(data, layout)).length < 3000);
});

test("sizes are rounded as Python rounds", () => {
  for (const [height, width, factor, pixelsMin, pixelsMax, ...expected] of reference.smartResizes) {
    const size = smartResize({ width, height }, { factor, pixelsMin, pixelsMax });
    assert.equal([size.height, size.width], expected, `${height}x${width}`);
  }
});

test("a resized picture has sides of whole patches and an area within the limits", () => {
  const side = fc.integer({ min: 1, max: 4000 });
  fc.assert(
    fc.property(side, side, (width, height) => {
      fc.pre(Math.max(width, height) / Math.min(width, height) <= 200);
      const grid = gridOf({ width, height }, preprocessor);
      assert.ok(grid.every((size) => size > 0 && Number.isInteger(size)));
      assert.ok(Number.isInteger(imageTokenCount(grid, 2)));
      assert.ok(grid[1] * grid[2] * 196 >= preprocessor.pixelsMin);
    }),
    { seed },
  );
});

test("an elongated picture is refused", async () => {
  const expected = { type: PromptError, code: "prompt.aspect_ratio", names: ["2000x9", "200"] };
  await raises(() => gridOf({ width: 2000, height: 9 }, preprocessor), expected);
});

for (const [width, height, toWidth, toHeight, expected] of reference.resizes) {
  test(`resizes ${width}x${height} to ${toWidth}x${toHeight} as Pillow does`, () => {
    assert.is(sha256(resizeBicubic(picture(width, height), toWidth, toHeight).data), expected);
  });
}

for (const expected of reference.preprocesses) {
  test(`preprocesses ${expected.width}x${expected.height} as transformers does`, () => {
    const { pixelsMin, pixelsMax } = expected;
    const image = picture(expected.width, expected.height);
    const { pixels, grid } = preprocessImage(image, { ...preprocessor, pixelsMin, pixelsMax });
    const [rows, columns] = expected.shape;
    assert.equal(grid, expected.grid);
    assert.equal(gridOf(image, { ...preprocessor, pixelsMin, pixelsMax }), grid);
    assert.is(pixels.length, rows * columns);
    assert.equal([...pixels.subarray(columns, columns + 5)], expected.head);
    assert.is(sha256(pixels), expected.sha256);
  });
}

test.run();
