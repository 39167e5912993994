// Goal: a device has one name, and what is no name is refused with the names that there are.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DeviceNameError, deviceName, parseDevice } from "../../events/index.ts";

const test = suite("events/device");

test("the names of devices are read and written back", () => {
  for (const name of ["cpu", "cuda:0", "cuda:7", "cuda:255", "webgpu:0"])
    assert.is(deviceName(parseDevice(name)), name);
  assert.equal(parseDevice("cuda:3"), { type: "cuda", index: 3 });
});

test("other words are refused, with the mend", () => {
  const words = ["", "CPU", "cpu:0", "cuda", "cuda:", "cuda:-1", "cuda:01", "cuda:1.5", "cuda:256"];
  for (const name of [...words, "gpu:0", "cuda:0 ", "webgpu", "cuda:1e2", "mps"]) {
    assert.throws(
      () => parseDevice(name),
      (error: unknown) =>
        error instanceof DeviceNameError && /write cpu, cuda:N or webgpu:0/.test(error.message),
      name,
    );
  }
});

test("a second WebGPU adapter cannot be asked for", () => {
  assert.throws(() => parseDevice("webgpu:1"), /only webgpu:0/);
});

test.run();
