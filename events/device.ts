// Where an actor computes: the processor, or one accelerator of the host, as people write it.
import { TerminalError } from "./errors.ts";

/** The processor; a CUDA device by its number; an adapter that WebGPU finds. */
export type Device =
  | { readonly type: "cpu" }
  | { readonly type: "cuda" | "webgpu"; readonly index: number };

/** What is not the name of a device. */
export class DeviceNameError extends TerminalError {
  readonly mend: string;

  constructor(text: string, mend: string) {
    super("device-name", `"${text}" is no device: ${mend}`, { facts: { device: text } });
    this.mend = mend;
  }
}

export const cpuDevice: Device = { type: "cpu" };

const indexMax = 255;
const forms = "write cpu, cuda:N or webgpu:0, such as cuda:0";

/**
 * The device called `cpu`, `cuda:N` or `webgpu:N`.
 * @throws {DeviceNameError}
 */
export function parseDevice(text: string): Device {
  if (text === "cpu") return cpuDevice;
  const [, type, digits = ""] = /^(cuda|webgpu):(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const index = Number(digits);
  if ((type !== "cuda" && type !== "webgpu") || index > indexMax) {
    throw new DeviceNameError(text, forms);
  }
  // Dawn takes the first adapter that the driver offers, and onnxruntime has no option to tell it.
  if (type === "webgpu" && index !== 0) {
    throw new DeviceNameError(
      text,
      "onnxruntime cannot choose among WebGPU adapters, only webgpu:0",
    );
  }
  return { type, index };
}

/** The name that `parseDevice` reads. */
export function deviceName(device: Device): string {
  return device.type === "cpu" ? "cpu" : `${device.type}:${device.index}`;
}
