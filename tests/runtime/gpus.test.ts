// Goal: the GPUs of a host are found, with their memory, and an answer that cannot be understood is
// told and not guessed at. Method: a program called nvidia-smi on the search path that says what
// the real one is documented to say, and what it says when it fails.
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseDevice } from "../../events/index.ts";
import {
  acceleratorOf,
  GpuQueryError,
  gpuFacts,
  nvidiaGpus,
  parseGpus,
} from "../../runtime/index.ts";

const test = suite("runtime/gpus");
const mebibyte = 2 ** 20;
const h200 = "0, NVIDIA H200, 143771, 143000, 570.124.06";
const l4 = "1, NVIDIA L4, 23034, 22563, 570.124.06";
let folder = "";
let programs = 0;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-gpus-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** A search path with an nvidia-smi of `lines` of shell. */
async function pathWith(...lines: readonly string[]): Promise<string> {
  const own = join(folder, `path-${programs++}`);
  await mkdir(own);
  await writeFile(join(own, "nvidia-smi"), ["#!/bin/sh", ...lines, ""].join("\n"));
  await chmod(join(own, "nvidia-smi"), 0o755);
  return `${own}:/usr/bin:/bin`;
}

async function queryFailure(path: string): Promise<string> {
  try {
    await nvidiaGpus(path);
  } catch (thrown) {
    assert.instance(thrown, GpuQueryError);
    return (thrown as GpuQueryError).message;
  }
  throw new Error("nothing was thrown");
}

test("GPUs come with name, memory and driver", () => {
  const [first, second] = parseGpus(`${h200}\n${l4}\n`);
  assert.equal(first, {
    index: 0,
    name: "NVIDIA H200",
    memoryBytes: 143_771 * mebibyte,
    freeBytes: 143_000 * mebibyte,
    driver: "570.124.06",
  });
  assert.equal([second?.index, second?.name], [1, "NVIDIA L4"]);
});

test("what a GPU does not tell is unknown, and a name may hold commas", () => {
  const [gpu] = parseGpus("3, Orin, nvgpu, [N/A], [Not Supported], 540.4.0\r\n");
  assert.equal([gpu?.index, gpu?.name], [3, "Orin, nvgpu"]);
  assert.equal([gpu?.memoryBytes, gpu?.freeBytes], [null, null]);
});

test("no GPU is an empty list", () => {
  assert.equal(parseGpus(""), []);
  assert.equal(parseGpus("No devices were found\n"), []);
});

for (const line of [
  "0, NVIDIA H200, 143771 MiB, 143000 MiB, 570.124.06",
  "0, NVIDIA H200, 143771, 570.124.06",
  "zero, NVIDIA H200, 143771, 143000, 570.124.06",
  "index, name, memory.total [MiB], memory.free [MiB], driver_version",
  "Unable to determine the device handle for GPU0000:01:00.0: Unknown Error",
  "0, NVIDIA H200, 143771, 143000,",
]) {
  test(`"${line}" is refused`, () => {
    assert.throws(
      () => parseGpus(`${h200}\n${line}\n`),
      (error: unknown) => error instanceof GpuQueryError && error.message.includes(line),
    );
  });
}

test("nvidia-smi is asked in its documented words", async () => {
  const asked = "--query-gpu=index,name,memory.total,memory.free,driver_version";
  const path = await pathWith(
    `[ "$1" = "${asked}" ] && [ "$2" = "--format=csv,noheader,nounits" ] || exit 2`,
    `echo "${h200}"`,
  );
  assert.equal(await nvidiaGpus(path), parseGpus(h200));
});

test("without nvidia-smi nothing is known", async () => {
  assert.is(await nvidiaGpus(join(folder, "nowhere")), null);
  assert.is(await nvidiaGpus(""), null);
});

test("a failing nvidia-smi is quoted", async () => {
  const words = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.";
  assert.match(await queryFailure(await pathWith(`echo "${words}"`, "exit 9")), words);
  assert.match(await queryFailure(await pathWith("echo broken >&2", "exit 1")), "broken");
  assert.match(await queryFailure(await pathWith("exit 255")), "nvidia-smi");
  assert.match(await queryFailure(await pathWith("echo nonsense")), "nonsense");
});

test("a driver without a GPU has none", async () => {
  assert.equal(await nvidiaGpus(await pathWith("echo No devices were found", "exit 6")), []);
});

test("a device's class is the GPU's model and driver", async () => {
  const path = await pathWith(`printf '%s\\n' "${h200}" "${l4}"`);
  assert.is(await acceleratorOf(parseDevice("cpu"), path), null);
  const name = (device: string) => acceleratorOf(parseDevice(device), path);
  assert.is(await name("cuda:1"), "cuda NVIDIA L4, driver 570.124.06");
  assert.is(await name("webgpu:0"), "webgpu unknown", "which of two is not known");
  const single = await pathWith(`echo "${h200}"`);
  const webgpu = parseDevice("webgpu:0");
  assert.is(await acceleratorOf(webgpu, single), "webgpu NVIDIA H200, driver 570.124.06");
  assert.is(await name("cuda:2"), "cuda unknown");
  assert.is(await acceleratorOf(parseDevice("cuda:0"), await pathWith("exit 9")), "cuda unknown");
});

test("the file system's hints are counted", async () => {
  const root = join(folder, "root");
  for (const made of ["proc/driver/nvidia/gpus/0000:01:00.0", "dev/dri", "etc/vulkan/icd.d"])
    await mkdir(join(root, made), { recursive: true });
  await writeFile(join(root, "dev/dri/renderD128"), "");
  await writeFile(join(root, "dev/dri/card0"), "");
  await writeFile(join(root, "etc/vulkan/icd.d/nvidia_icd.json"), "{}");
  assert.equal(await gpuFacts("", root), {
    gpus: null,
    nvidiaDevices: 1,
    renderNodes: ["renderD128"],
    vulkanDrivers: ["nvidia_icd.json"],
  });
  const nothing = await gpuFacts("", join(folder, "nowhere"));
  assert.equal(Object.values(nothing), [null, 0, [], []]);
});

test.run();
