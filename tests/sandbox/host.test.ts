// What this host is asked: the doctor's rows, and the tag that set-up and program must agree on.
import { execFileSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { doctorChecks, sandboxImageTag } from "../../sandbox/index.ts";

const test = suite("host");

test("after set-up every check is well and says what it found", async () => {
  const checks = await doctorChecks({ folder: ".", path: process.env["PATH"] ?? "" });
  for (const { name, ok, detail, fix } of checks) {
    assert.ok(ok, `${name}: ${detail}`);
    assert.ok(detail.length > 0 && fix === "");
  }
});

test("what is missing comes with the command that mends it", async () => {
  const checks = await doctorChecks({ folder: "/nowhere", path: "", socket: "/nowhere/socket" });
  const row = (name: string) => checks.find((check) => check.name === name);
  assert.match(row("docker engine")?.detail ?? "", "/nowhere/socket");
  assert.match(row("docker engine")?.fix ?? "", "setup.sh");
  assert.not(row("sandbox image")?.ok);
  assert.not(row("free disk")?.ok);
});

test("set-up builds the tag that the sandbox asks for", async () => {
  const script = ". scripts/setup-image.sh; image_tag";
  const tag = execFileSync("bash", ["-c", script], { encoding: "utf8" }).trim();
  assert.is(tag, await sandboxImageTag());
});

test("added packages are another tag, in whatever order they are named", async () => {
  const script = ". scripts/setup-image.sh; image_tag";
  const env = { ...process.env, VARFT_SANDBOX_PACKAGES: "python3-pil libmd0 python3-pil" };
  const tag = execFileSync("bash", ["-c", script], { encoding: "utf8", env }).trim();
  assert.is(tag, await sandboxImageTag(["libmd0", "python3-pil"]));
  assert.is.not(tag, await sandboxImageTag());
});

test("set-up with nothing missing says nothing and takes under a second", () => {
  const started = performance.now();
  const output = execFileSync("bash", ["scripts/setup.sh"], { encoding: "utf8" });
  assert.is(output, "");
  assert.ok(performance.now() - started < 1_000);
});

test.run();
