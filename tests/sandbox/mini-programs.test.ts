// The programs that the warm start shows, run by cv2 itself: what a lesson pictures after a repair
// is what the policy will meet. Their JPEG output is replaced by PNG, so that pixels compare.
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import { openDockerSandbox, type Sandbox, sandboxImageTag } from "../../sandbox/index.ts";
import { drawTask, type GreyImage, programOf, repairMenu } from "../../tasks/index.ts";

const singles = ["rotation90", "dark", "overexposure", "blur", "noise", "crop"] as const;

const test = suite<{ sandbox: Sandbox }>("sandbox: the mini benchmark's programs");
test.before(async (context) => {
  const run = `mini-programs-${process.pid}`;
  context.sandbox = await openDockerSandbox({ image: await sandboxImageTag(), run, size: 1 });
});
test.after(({ sandbox }) => sandbox.close());

for (const kind of singles) {
  test(`every repair of ${kind} gives the pixels that the lessons show`, async ({ sandbox }) => {
    const { image } = drawTask(new RandomStream("programs", kind), "t", kind, "train");
    for (const repair of repairMenu(kind)) {
      const program = lossless(programOf(repair));
      const result = await sandbox.execute({ program, image: await pngOf(image) });
      assert.is(result.cause, "ok", result.stderr);
      const shown = await sharp(result.image as Uint8Array)
        .extractChannel(0)
        .raw()
        .toBuffer();
      const expected = repair.apply(image).pixels;
      assert.is(shown.length, expected.length);
      const furthest = expected.reduce(
        (most, value, at) => Math.max(most, Math.abs(value - (shown[at] as number))),
        0,
      );
      assert.ok(furthest <= 1, `${furthest} levels off:\n${program}`);
    }
  });
}

function lossless(program: string): string {
  const jpeg = "cv2.imwrite('path_to_output_image.jpg', img)";
  assert.ok(program.includes(jpeg));
  return program.replace(jpeg, "cv2.imencode('.png', img)[1].tofile('path_to_output_image.jpg')");
}

const pngOf = ({ width, height, pixels }: GreyImage) =>
  sharp(pixels, { raw: { width, height, channels: 1 } })
    .png()
    .toBuffer();

test.run();
