// Goal: a device that is not there is refused with the provider's own reason and what mends it, and
// a node that ran elsewhere than it should is named. Method: the devices that this host lacks; a
// profile made here, one recorded with WebGPU on a software Vulkan (LogSoftmax, which WebGPU has
// not, between a product and a gather), and such profiles spoilt.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cpuDevice, parseDevice } from "../../events/index.ts";
import { shortReason } from "../../model/engine/device-error.ts";
import { misplacedNodes, ProfileError } from "../../model/engine/node-places.ts";
import { floats, integers, Session } from "../../model/engine/session.ts";
import { add, Graph, gather, gemm, logSoftmax } from "../../model/graph/index.ts";
import { DeviceError, missingCudaFiles, openPolicy, PlacementError } from "../../model/index.ts";
import { lora, tinyConfig, tinyTensors } from "./tiny-model.ts";

const test = suite("model: devices");
const webgpu = parseDevice("webgpu:0");
const cuda = parseDevice("cuda:0");
let recorded: Record<string, unknown>[] = [];
let own: unknown;

test.before(async () => {
  const fixture = new URL("../fixtures/profile-webgpu.json", import.meta.url);
  recorded = JSON.parse(await readFile(fixture, "utf8"));
  own = await ownProfile();
});

/** What onnxruntime of this host writes about a model with floats, whole numbers and shapes. */
async function ownProfile(): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), "varft-profile-test-"));
  try {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2, 3]);
    const index = graph.input("index", "int64", [2]);
    const y = gather(logSoftmax(gemm(x, x, { transposeRight: true })), add(index, index));
    const session = await Session.open({ y }, { threads: 1, profile: join(folder, "cpu") });
    const values = floats(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    await session.run(
      new Map([
        ["x", values],
        ["index", integers([0, 0], [2])],
      ]),
    );
    await session.close();
    const [file = ""] = await readdir(folder);
    return JSON.parse(await readFile(join(folder, file), "utf8"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The error of opening a policy there; null where the device is there after all. */
async function refusal(name: string): Promise<unknown> {
  try {
    const policy = await openPolicy({
      config: tinyConfig,
      tensors: tinyTensors,
      tuning: lora,
      threads: 1,
      roles: ["learn"],
      device: parseDevice(name),
    });
    await policy.close();
    return null;
  } catch (thrown) {
    return thrown;
  }
}

for (const [name, reason, mend] of [
  ["cuda:0", "OrtSessionOptionsAppendExecutionProvider_Cuda", "npm run setup:cuda"],
  ["webgpu:0", "Failed to get a WebGPU adapter", "libvulkan1"],
] as const) {
  test(`${name} that is not there is refused with its provider's reason`, async () => {
    if (name === "cuda:0" && (await missingCudaFiles()).length === 0) {
      console.log("skipped: this host has the CUDA provider");
      return;
    }
    const error = await refusal(name);
    if (error === null) {
      console.log(`skipped: this host has ${name}`);
      return;
    }
    assert.instance(error, DeviceError);
    const { message, policy } = error as DeviceError;
    assert.is(policy, "terminal");
    for (const part of [`${name} cannot be used: `, reason, mend])
      assert.ok(message.includes(part), `"${part}" is missing in: ${message}`);
    assert.not.match(message, "onnxruntime_src");
  });
}

test("a reason is told without the place in onnxruntime's sources", () => {
  const place = "/onnxruntime_src/core/webgpu_context.cc:136 void Init(const Config&)::<lambda()>";
  assert.is(shortReason(`${place} result.status == Success was false. No adapter\n`), "No adapter");
  assert.is(shortReason("CUDA failure 100: no device"), "CUDA failure 100: no device");
});

test("on the processor everything is in its place", () => {
  assert.equal(misplacedNodes(own, cpuDevice), []);
});

test("the same profile asked about a GPU names every node with floats, and no other", () => {
  const operations = misplacedNodes(own, cuda).map(({ operation }) => operation);
  assert.equal([...operations].sort(), ["Gather", "Gemm", "LogSoftmax"]);
});

test("a recorded fall to the processor is named, the copies that it makes after it", () => {
  assert.equal(misplacedNodes(recorded, webgpu), [
    {
      name: "/logSoftmax.4 logSoftmax_1",
      operation: "LogSoftmax",
      provider: "CPUExecutionProvider",
    },
    {
      name: "Memcpy_token_1",
      operation: "MemcpyToHost",
      provider: "WebGpuExecutionProvider",
    },
    {
      name: "Memcpy_token_0",
      operation: "MemcpyFromHost",
      provider: "WebGpuExecutionProvider",
    },
  ]);
});

/** The recorded profile with the arguments of the node called `name` changed. */
function doctored(name: string, change: Record<string, unknown>): unknown {
  return recorded.map((event) =>
    String(event["name"]).startsWith(name)
      ? { ...event, args: { ...(event["args"] as object), ...change } }
      : event,
  );
}

test("without what fell, nothing is amiss: whole numbers may run on the processor", () => {
  const good = recorded.filter(({ name }) => !/logSoftmax|Memcpy_token/.test(String(name)));
  assert.equal(misplacedNodes(good, webgpu), []);
  assert.ok(good.some(({ args }) => (args as { provider?: string }).provider?.startsWith("CPU")));
});

test("looking at a tensor's sizes moves no float", () => {
  const shape = doctored("/logSoftmax", { op_name: "Shape", output_type_shape: [{ int64: [2] }] });
  const names = misplacedNodes(shape, webgpu).map(({ operation }) => operation);
  assert.not.ok(names.includes("Shape"));
});

for (const type of ["float16", "bfloat16", "double"]) {
  test(`${type} counts as float, also as an input only`, () => {
    const change = { input_type_shape: [{ [type]: [2] }], output_type_shape: [{ int64: [2] }] };
    const names = misplacedNodes(doctored("/add", change), webgpu).map(({ name }) => name);
    assert.ok(names.includes("/add.5 add_2"), names.join());
  });
}

test("a profile of another device's provider is all misplaced", () => {
  const operations = misplacedNodes(recorded, cuda).map(({ operation }) => operation);
  for (const operation of ["Gemm", "Gather", "Mul"]) assert.ok(operations.includes(operation));
});

for (const [what, profile] of [
  ["no list", { traceEvents: [] }],
  ["an empty list", []],
  ["events without nodes", [{ cat: "Session", name: "model_run", args: {} }]],
  ["a node without a provider", [{ cat: "Node", name: "a_kernel_time", args: { op_name: "Add" } }]],
  ["a node without arguments", [{ cat: "Node", name: "a_kernel_time" }]],
] as const) {
  test(`${what} is no profile`, () => {
    assert.throws(
      () => misplacedNodes(profile, webgpu),
      (error: unknown) => error instanceof ProfileError,
    );
  });
}

test("an error names six nodes, counts the rest, and says what to do", () => {
  const nodes = Array.from({ length: 9 }, (_, at) => ({
    name: `layer.${at}`,
    operation: "LogSoftmax",
    provider: "CPUExecutionProvider",
  }));
  const { message } = new PlacementError(webgpu, nodes);
  assert.match(message, /^9 nodes with floats did not run on webgpu:0: LogSoftmax "layer\.0"/);
  assert.match(message, "and 3 more");
  assert.match(message, 'device = "cpu"');
});

test.run();
