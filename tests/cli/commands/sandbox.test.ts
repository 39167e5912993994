// Goal: a person runs a program as a trajectory would, and a script reads what became of it.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { picture, rotate } from "../../sandbox/programs.ts";
import { varft } from "../fake-terminal.ts";

const test = suite("cli/sandbox");
let folder = "";
const path = (name: string) => join(folder, name);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-sandbox-test-"));
  await writeFile(path("rotate.py"), `print("\\x1b[2Jturning")\n${rotate}`);
  await writeFile(path("none.py"), "print('nothing')\n");
  await writeFile(path("photo.jpg"), await picture("jpeg"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("the output image is written, and what it cost is told", async () => {
  const words = ["--image", path("photo.jpg"), "-o", path("out.png")];
  const { code, out, err } = await varft("sandbox", "run", path("rotate.py"), ...words);
  assert.is(code, 0, err);
  assert.is(out, "\ufffd[2Jturning\n", "no program steers the terminal");
  assert.match(err, /^ok in [\d.]+ ms, .*out\.png is its image\n$/);
  assert.is((await sharp(await readFile(path("out.png"))).metadata()).width, 56);
});

test("scripts read the cause, and a program without an image is no success", async () => {
  const words = ["--image", path("photo.jpg"), "--level", "container", "--json"];
  const { code, out } = await varft("sandbox", "run", path("none.py"), ...words);
  assert.is(code, 1);
  const { cause, exitCode, stdout, image, level, memoryPeakBytes, cpuMs } = JSON.parse(out);
  assert.equal([cause, exitCode, stdout], ["no-image", 0, "nothing\n"]);
  assert.equal([image, level], [null, "container"]);
  assert.ok(memoryPeakBytes > 0 && cpuMs >= 0);
});

test("what is wrong with the words is said before anything is started", async () => {
  const run = (...words: string[]) => varft("sandbox", "run", ...words);
  const missing = await run(path("nope.py"), "--image", path("photo.jpg"));
  assert.is(missing.code, 2);
  assert.match(missing.err, "cannot read");
  const level = await run(path("none.py"), "--image", path("photo.jpg"), "--level", "vm");
  assert.match(level.err, "--level must be fork or container, not vm");
  const seconds = await run(path("none.py"), "--image", path("photo.jpg"), "--seconds", "long");
  assert.match(seconds.err, "--seconds must be a number");
  const added = ["--image", path("photo.jpg"), "--package", "python3-none"];
  assert.match((await run(path("none.py"), ...added)).err, 'VARFT_SANDBOX_PACKAGES="python3-none"');
});

test("the image tells its packages and hands out its bill of materials", async () => {
  const { digest, packages } = JSON.parse((await varft("sandbox", "image", "--json")).out);
  assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  const pinned = await readFile(
    new URL("../../../sandbox/image/packages.txt", import.meta.url),
    "utf8",
  );
  assert.is(packages.length, pinned.trim().split("\n").length);
  const materials = JSON.parse((await varft("sandbox", "image", "--materials")).out);
  assert.is(materials.bomFormat, "CycloneDX");
  assert.ok(
    materials.components.every(({ purl }: { purl: string }) => purl.startsWith("pkg:deb/")),
  );
});

test.run();
