// What a device is called where it matters that two are equal: GPUs of one model under one driver
// compute alike, others do not (I4).
import type { Device } from "../../events/index.ts";
import { GpuQueryError, nvidiaGpus } from "./gpus.ts";

/**
 * The class of a device; null for the processor, whose class is its instruction set. A GPU that
 * nvidia-smi does not tell of is `unknown`: opening the device says why.
 */
export async function acceleratorOf(device: Device, path: string): Promise<string | null> {
  if (device.type === "cpu") return null;
  const gpus = await nvidiaGpus(path).catch((thrown: unknown) => {
    if (thrown instanceof GpuQueryError) return null;
    throw thrown;
  });
  // Which adapter WebGPU takes is the driver's choice; with one GPU there is no other.
  const isChosen = device.type === "cuda" || gpus?.length === 1;
  const gpu = isChosen ? gpus?.find(({ index }) => index === device.index) : undefined;
  const model = gpu === undefined ? "unknown" : `${gpu.name}, driver ${gpu.driver}`;
  return `${device.type} ${model}`;
}
