// Goal: doctor finds GPUs, counts and shows them with their memory, says what would make them
// usable, and takes a host without any as it is. Method: a program called nvidia-smi on the path.
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gpuChecks } from "../../../cli/commands/doctor/gpu-checks.ts";
import { type GpuFacts, parseGpus } from "../../../runtime/index.ts";
import { varftIn } from "../fake-terminal.ts";

const test = suite("cli/doctor");
const answer = [
  "0, NVIDIA H200, 143771, 143000, 570.124.06",
  "1, NVIDIA H200, 143771, [N/A], 570.124.06",
];
const nothing: GpuFacts = { gpus: null, nvidiaDevices: 0, renderNodes: [], vulkanDrivers: [] };
const missing = ["libonnxruntime_providers_cuda.so"];
let folder = "";

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-doctor-test-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** The rows about GPUs, where nvidia-smi writes `lines` and ends with `code`. */
async function rowsWith(name: string, lines: readonly string[], code: number) {
  const path = join(folder, name);
  await mkdir(path);
  const said = lines.map((line) => `echo '${line}'`);
  await writeFile(join(path, "nvidia-smi"), ["#!/bin/sh", ...said, `exit ${code}`, ""].join("\n"));
  await chmod(join(path, "nvidia-smi"), 0o755);
  const { out } = await varftIn({ PATH: `${path}:/usr/bin:/bin` }, "doctor", "--json");
  const { checks } = JSON.parse(out) as { checks: { name: string; ok: boolean; detail: string }[] };
  return checks.filter((check) => check.name === "gpus");
}

test("two GPUs are shown with their memory", async () => {
  const [row, ...more] = await rowsWith("two", answer, 0);
  assert.is(more.length, 0);
  assert.is(row?.ok, true);
  assert.is(
    row?.detail,
    "2: cuda:0 NVIDIA H200, 140.4 GiB (139.6 GiB free); cuda:1 NVIDIA H200, 140.4 GiB; " +
      "driver 570.124.06",
  );
});

test("an nvidia-smi that fails, or says what nobody understands, is a fault with its words", async () => {
  const words = "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.";
  const [failed] = await rowsWith("failed", [words], 9);
  assert.is(failed?.ok, false);
  assert.match(failed?.detail ?? "", words);
  const [odd] = await rowsWith("odd", ["what is a GPU"], 0);
  assert.is(odd?.ok, false);
  assert.match(odd?.detail ?? "", "what is a GPU");
});

test("a driver without a GPU is no fault", async () => {
  const [row] = await rowsWith("none", ["No devices were found"], 6);
  assert.is(row?.ok, true);
});

test("a host without GPUs is told so, and has nothing to mend", () => {
  assert.equal(gpuChecks(nothing, missing), [
    { name: "gpus", ok: true, detail: "none; everything runs on the CPU", fix: "" },
  ]);
});

test("a GPU without onnxruntime's provider is told the command that installs it", () => {
  const facts = { ...nothing, gpus: parseGpus(answer.join("\n")) };
  const fixOf = (missingFiles: readonly string[]) =>
    gpuChecks(facts, missingFiles).find(({ name }) => name === "cuda provider")?.fix;
  assert.is(fixOf(missing), "npm run setup:cuda");
  assert.is(fixOf([]), "");
  assert.ok(gpuChecks(facts, missing).every(({ ok }) => ok));
});

test("a GPU that only the kernel knows is told, and how to see more of it", () => {
  const [row] = gpuChecks({ ...nothing, nvidiaDevices: 2 }, missing);
  assert.match(row?.detail ?? "", "2 by NVIDIA's kernel module");
  assert.match(row?.fix ?? "", "nvidia-smi");
});

test("another maker's GPU is WebGPU's, with Vulkan or the packages that bring it", () => {
  const facts = { ...nothing, renderNodes: ["renderD128"] };
  const row = (vulkanDrivers: readonly string[]) =>
    gpuChecks({ ...facts, vulkanDrivers }, missing).find(({ name }) => name === "webgpu");
  assert.match(row([])?.fix ?? "", "libvulkan1");
  assert.match(row(["radeon_icd.json"])?.detail ?? "", "radeon_icd.json");
  assert.is(row(["radeon_icd.json"])?.fix, "");
});

test.run();
