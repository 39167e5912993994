// What every implementation of `Sandbox` must do; harmless programs only, so that the unsafe local
// one can be held to it too.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Sandbox, SandboxRequestError } from "../../sandbox/index.ts";
import { copyThen, picture, pixel, rotate } from "./programs.ts";

export function sandboxContract(name: string, open: () => Promise<Sandbox>): void {
  const test = suite<{ sandbox: Sandbox }>(`sandbox contract: ${name}`);
  test.before(async (context) => {
    context.sandbox = await open();
  });
  test.after(async ({ sandbox }) => {
    await sandbox.close();
  });

  test("a program turns a JPEG, and the result comes back as PNG", async ({ sandbox }) => {
    const result = await sandbox.execute({ program: rotate, image: await picture("jpeg") });
    assert.is(result.cause, "ok", result.stderr);
    assert.ok(result.image !== null);
    assert.equal([...result.image.subarray(1, 4)], [...Buffer.from("PNG")]);
    const [red = 0, , blue = 0] = await pixel(result.image, 5, 5);
    assert.ok(blue > 180 && red < 90, "the blue corner is now at the top left");
    assert.ok(result.observed.wallMs > 0 && result.observed.memoryPeakBytes > 0);
  });

  test("PNG input is read under the same name, and equal calls give equal bytes", async ({
    sandbox,
  }) => {
    const image = await picture("png");
    const first = await sandbox.execute({ program: rotate, image });
    const second = await sandbox.execute({ program: rotate, image });
    assert.is(first.cause, "ok", first.stderr);
    assert.equal(first.image, second.image);
  });

  test("functions see what the program imported, and __name__ is __main__", async ({ sandbox }) => {
    const program = `import cv2
def repair(image):
    return cv2.flip(image, 1)
if __name__ == "__main__":
    cv2.imwrite("path_to_output_image.jpg", repair(cv2.imread("path_to_input_image.jpg")))
`;
    const result = await sandbox.execute({ program, image: await picture("png") });
    assert.is(result.cause, "ok", result.stderr);
  });

  test("an exception is an error with the program's own traceback", async ({ sandbox }) => {
    const program = "import cv2\n\ndef f():\n    return cv2.nothing\n\nf()\n";
    const result = await sandbox.execute({ program, image: await picture("png") });
    assert.is(result.cause, "error");
    assert.is(result.image, null);
    assert.match(result.stderr, 'File "program.py", line 4, in f\n    return cv2.nothing');
    assert.not.match(result.stderr, "child.py");
    assert.is(result.observed.exitCode, 1);
  });

  test("an image that no policy can be shown is a broken one", async ({ sandbox }) => {
    const image = await picture("png");
    const write = (rows: number) => `import cv2, numpy
cv2.imwrite("path_to_output_image.jpg", numpy.zeros((${rows}, 1, 3), numpy.uint8))
`;
    const narrow = await sandbox.execute({ program: write(201), image });
    assert.equal([narrow.cause, narrow.image], ["bad-image", null]);
    const shown = await sandbox.execute({ program: write(200), image });
    assert.is(shown.cause, "ok", shown.stderr);
  });

  test("sys.exit with a code is an error, without one it is not", async ({ sandbox }) => {
    const image = await picture("png");
    const failed = await sandbox.execute({ program: copyThen("raise SystemExit(3)"), image });
    assert.is(failed.cause, "error");
    assert.is(failed.observed.exitCode, 3);
    const fine = await sandbox.execute({ program: copyThen("raise SystemExit"), image });
    assert.is(fine.cause, "ok");
  });

  test("code that does not parse is a syntax error", async ({ sandbox }) => {
    const image = await picture("png");
    for (const program of ["def f(:\n", "x = '", "\u0000", `x = ${"(".repeat(5_000)}`]) {
      const result = await sandbox.execute({ program, image });
      assert.is(result.cause, "syntax-error", JSON.stringify(program.slice(0, 10)));
      assert.ok(result.stderr.length > 0);
    }
  });

  test("a program that writes no image, or none that decodes, says so", async ({ sandbox }) => {
    const image = await picture("png");
    const none = await sandbox.execute({ program: "print('hello')", image });
    assert.is(none.cause, "no-image");
    assert.is(none.stdout, "hello\n");
    const write = (bytes: string) => `open("path_to_output_image.jpg", "wb").write(${bytes})`;
    const whole = 'open("path_to_input_image.jpg", "rb").read()';
    for (const bytes of ["b''", "b'not an image'", "b'<svg/>'", `${whole}[:-60]`]) {
      const result = await sandbox.execute({ program: write(bytes), image });
      assert.is(result.cause, "bad-image", bytes);
      assert.is(result.image, null);
    }
  });

  test("an output that is a link, a folder or a pipe is no image", async ({ sandbox }) => {
    const image = await picture("png");
    for (const make of [
      'os.symlink("path_to_input_image.jpg", "path_to_output_image.jpg")',
      'os.mkdir("path_to_output_image.jpg")',
      'os.mkfifo("path_to_output_image.jpg")',
    ]) {
      const result = await sandbox.execute({ program: `import os\n${make}\n`, image });
      assert.is(result.cause, "bad-image", make);
    }
  });

  test("an image beyond its bytes or pixels is too large", async ({ sandbox }) => {
    const image = await picture("png", 400);
    const limits = { imagePixelsMax: 10_000 };
    const pixels = await sandbox.execute({ program: rotate, image, limits });
    assert.is(pixels.cause, "output-too-large");
    const program = 'open("path_to_output_image.jpg", "wb").write(bytes(100_000))';
    const bytes = await sandbox.execute({ program, image, limits: { imageBytesMax: 50_000 } });
    assert.is(bytes.cause, "output-too-large");
  });

  test("text is kept up to its limit and marked; without end it stops the program", async ({
    sandbox,
  }) => {
    const image = await picture("png");
    const program = copyThen("print('x' * 500)");
    const cut = await sandbox.execute({ program, image, limits: { textBytesMax: 100 } });
    assert.is(cut.cause, "ok");
    assert.is(cut.stdout, `${"x".repeat(100)}\n[output truncated]`);
    const endless = copyThen("while True: print('x' * 1000)");
    const result = await sandbox.execute({ program: endless, image });
    assert.is(result.cause, "output-too-large");
    assert.ok(result.stdout.length < 20_000);
  });

  test("an endless loop ends at the wall clock", async ({ sandbox }) => {
    const limits = { wallMsMax: 300 };
    for (const program of ["while True: pass", "import time; time.sleep(60)"]) {
      const result = await sandbox.execute({ program, image: await picture("png"), limits });
      assert.is(result.cause, "timeout", program);
      assert.ok(result.observed.wallMs >= 300 && result.observed.wallMs < 5_000);
    }
  });

  test("more memory than the limit is out of memory", async ({ sandbox }) => {
    const image = await picture("png");
    const limits = { memoryBytesMax: 64 * 1024 * 1024 };
    for (const program of [
      "x = bytearray(200_000_000)",
      "import numpy as np; np.ones((20000, 20000))",
      "import cv2, numpy as np; cv2.resize(np.zeros((8, 8, 3), np.uint8), (20000, 20000))",
    ]) {
      const result = await sandbox.execute({ program, image, limits });
      assert.is(result.cause, "out-of-memory", `${program}: ${result.stderr}`);
    }
  });

  test("nothing of an execution is there for the next", async ({ sandbox }) => {
    const image = await picture("png");
    const plant = `import os, sys, builtins, cv2
os.mkdir("locked"); open("locked/mark", "w").write("x"); os.chmod("locked", 0)
open("../mark", "w").write("x")
os.environ["MARK"] = "x"; builtins.mark = 1; sys.modules["mark"] = sys; cv2.mark = 1
print(len(os.listdir(".")))`;
    const look = `import os, sys, builtins, cv2
print(sorted(os.listdir(".")), os.path.exists("../mark"), "MARK" in os.environ)
print(hasattr(builtins, "mark"), "mark" in sys.modules, hasattr(cv2, "mark"))`;
    for (let round = 0; round < 3; round += 1) {
      await sandbox.execute({ program: plant, image });
      const seen = await sandbox.execute({ program: look, image });
      const nothing = "['path_to_input_image.jpg'] False False\nFalse False False\n";
      assert.is(seen.stdout, nothing, seen.stderr);
    }
  });

  test("calls at once are answered each with its own image", async ({ sandbox }) => {
    const image = await picture("png");
    const calls = Array.from({ length: 8 }, (_, index) =>
      sandbox.execute({ program: copyThen(`print(${index})`), image }),
    );
    const results = await Promise.all(calls);
    assert.equal(
      results.map(({ stdout }) => stdout),
      Array.from({ length: 8 }, (_, index) => `${index}\n`),
    );
  });

  test("a request beyond its limits is the caller's error", async ({ sandbox }) => {
    const image = new Uint8Array(9 * 1024 * 1024);
    const thrown = await sandbox.execute({ program: rotate, image }).catch((error) => error);
    assert.instance(thrown, SandboxRequestError);
  });

  test("an aborted call ends, and the sandbox goes on", async ({ sandbox }) => {
    const image = await picture("png");
    const abort = new AbortController();
    const call = sandbox.execute({ program: "while True: pass", image }, abort.signal);
    setTimeout(() => abort.abort(), 200);
    const thrown = await call.catch((error) => error);
    assert.is(thrown.policy, "cancelled");
    const after = await sandbox.execute({ program: rotate, image });
    assert.is(after.cause, "ok");
  });

  test.run();
}
