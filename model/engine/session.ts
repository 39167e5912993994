// One onnxruntime session: feeds by name, float32 and int64 out.
//   E1. A run is deterministic: equal feeds give equal bytes, whatever the number of threads.
//   E2. Denormal numbers count as zero, so that a masked score has the weight 0 exactly.
import { InferenceSession, Tensor } from "onnxruntime-node";
import { assert, cpuDevice, type Device } from "../../events/index.ts";
import type { Node } from "../graph/index.ts";
import { emitModel } from "../graph/index.ts";
import { sizeOfShape } from "../qwen/index.ts";
import { deviceError } from "./device-error.ts";
import type { Keeping } from "./keeping.ts";
import type { PlacementWatch } from "./placement.ts";

// Its builds report their use over the network and leave files in the temporary folder, unless this
// is set before the first session. Nothing of a run leaves the machine unasked.
process.env["ORT_DISABLE_TELEMETRY"] = "1";

/** Values to feed, by input name. */
export type Feeds = ReadonlyMap<string, Tensor>;

/** Results by output name. */
export type Results = Readonly<Record<string, { readonly data: unknown }>>;

/** Settings of a session. */
export interface SessionOptions {
  /** Threads within one operation. */
  readonly threads: number;
  /** Folder of the files that initialisers refer to. */
  readonly directory?: string | undefined;
  /** Keep weights as mapped file pages instead of copies: for checkpoints larger than memory. */
  readonly mapped?: boolean;
  /** What is kept in memory; by default all that makes runs faster. */
  readonly keeping?: Keeping;
  /** Writes an onnxruntime profile with this file name prefix. */
  readonly profile?: string | undefined;
  /** Where the model runs; the processor by default. */
  readonly device?: Device;
  /** Is told of the session, to look where its nodes run. */
  readonly watch?: PlacementWatch | undefined;
  /** Outputs that stay in the device's memory (WebGPU); all others come to the processor. */
  readonly keptOnDevice?: readonly string[];
}

/** What runs a role: one session, or one that is run stage by stage. */
export interface Runner {
  readonly inputs: ReadonlySet<string>;
  run(feeds: Feeds): Promise<Results>;
  close(): Promise<void>;
}

/** A model that can be run. */
export class Session implements Runner {
  readonly inputs: ReadonlySet<string>;
  readonly #session: InferenceSession;
  readonly #device: Device;
  #profiled: boolean;

  private constructor(session: InferenceSession, device: Device, profiled: boolean) {
    this.#session = session;
    this.#device = device;
    this.#profiled = profiled;
    this.inputs = new Set(session.inputNames);
  }

  /** Loads the graph that `outputs` need. */
  static async open(
    outputs: Readonly<Record<string, Node>>,
    options: SessionOptions,
  ): Promise<Session> {
    const { bytes } = emitModel(outputs, options.keeping);
    const { device = cpuDevice, profile, watch } = options;
    const created = await onDevice(device, () =>
      InferenceSession.create(bytes, sessionOptions(options)),
    );
    const session = new Session(created, device, profile !== undefined);
    watch?.add(session);
    return session;
  }

  /** Runs the model; feeds that it does not take are left out. */
  async run(feeds: Feeds): Promise<Results> {
    const used: Record<string, Tensor> = {};
    for (const name of this.inputs) {
      const value = feeds.get(name);
      assert(value !== undefined, `input ${name} was not fed`);
      used[name] = value;
    }
    return onDevice(this.#device, () => this.#session.run(used));
  }

  /** Writes the profile, if there is one that is not written yet. */
  endProfiling(): void {
    if (this.#profiled) this.#session.endProfiling();
    this.#profiled = false;
  }

  /** Frees the weights. */
  async close(): Promise<void> {
    this.endProfiling();
    await this.#session.release();
  }
}

/** What a device refuses is the world's fault: it is not there, or too small. */
async function onDevice<T>(device: Device, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw device.type === "cpu" ? thrown : await deviceError(device, thrown);
  }
}

function sessionOptions(options: SessionOptions): InferenceSession.SessionOptions {
  const { threads, directory, mapped = false, profile } = options;
  const { device = cpuDevice, keptOnDevice = [] } = options;
  const session: Record<string, unknown> = {
    // Sessions take turns on the same cores: a pool that spins would steal them from the next.
    intra_op: { allow_spinning: "0" },
    set_denormal_as_zero: "1",
    ...(directory && { model_external_initializers_file_folder_path: directory }),
    ...(mapped && { disable_prepacking: "1" }),
  };
  // Folding would widen every stored weight to a float32 copy when the model loads.
  const optimization = mapped ? { disable_specified_optimizers: "ConstantFolding" } : undefined;
  return {
    executionProviders: providersOf(device),
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Without the arena every large result is fresh memory from the system: a third of the time.
    enableCpuMemArena: options.keeping?.arena ?? true,
    enableMemPattern: false,
    logSeverityLevel: 3,
    extra: { session, ...(optimization && { optimization }) },
    ...(keptOnDevice.length > 0 && { preferredOutputLocation: locationsOf(keptOnDevice) }),
    ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
  };
}

/** What the device lacks a kernel for falls to the processor; `placement.ts` looks where. */
function providersOf(device: Device): readonly InferenceSession.ExecutionProviderConfig[] {
  if (device.type === "cpu") return ["cpu"];
  if (device.type === "cuda") {
    // Onnxruntime lets cuBLAS round the factors of float32 products to 10 bits unless CUDA is told
    // otherwise; its provider has an option for it that the binding does not pass on.
    process.env["NVIDIA_TF32_OVERRIDE"] = "0";
    return [{ name: "cuda", deviceId: device.index }, "cpu"];
  }
  return [{ name: "webgpu" }, "cpu"];
}

function locationsOf(kept: readonly string[]): Record<string, "gpu-buffer"> {
  return Object.fromEntries(kept.map((name) => [name, "gpu-buffer"]));
}

/** Float32 values as a feed. */
export function floats(data: Float32Array, shape: readonly number[]): Tensor {
  assert(data.length === sizeOfShape(shape), `${data.length} values for shape [${shape}]`);
  return new Tensor("float32", data, shape);
}

/** Whole numbers as an int64 feed. */
export function integers(values: ArrayLike<number>, shape: readonly number[]): Tensor {
  const data = new BigInt64Array(values.length);
  for (let at = 0; at < values.length; at++) data[at] = BigInt(values[at] ?? 0);
  assert(data.length === sizeOfShape(shape), `${data.length} values for shape [${shape}]`);
  return new Tensor("int64", data, shape);
}

/** Truth values as a bool feed. */
export function truths(values: readonly boolean[], shape: readonly number[]): Tensor {
  return new Tensor("bool", Uint8Array.from(values, Number), shape);
}

/** The float32 result called `name`. */
export function floatResult(results: Results, name: string): Float32Array {
  const data = results[name]?.data;
  assert(data instanceof Float32Array, `result ${name} is not float32`);
  return data;
}

/** The int64 result called `name`, as ordinary numbers. */
export function integerResult(results: Results, name: string): Int32Array {
  const data = results[name]?.data;
  assert(data instanceof BigInt64Array, `result ${name} is not int64`);
  return Int32Array.from(data, Number);
}
