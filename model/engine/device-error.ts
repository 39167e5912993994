// Why a device cannot be used: the provider's own reason, and what mends it. There is no fall back.
import { access } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Device, deviceName, ensureError, TerminalError } from "../../events/index.ts";

/** Installs what onnxruntime-node leaves out of its package: the CUDA provider. */
const cudaSetup = "npm run setup:cuda";

/** A device that was asked for and is not there, or cannot run what it was given. */
export class DeviceError extends TerminalError {
  constructor(device: Device, reason: string, mend: string, options: ErrorOptions = {}) {
    const name = deviceName(device);
    super("model.device", `${name} cannot be used: ${reason}; ${mend}`, {
      ...options,
      facts: { device: name, reason },
    });
  }
}

/** What the CUDA provider consists of, beside the library that is always there. */
const cudaFiles = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];

/** The files of the CUDA provider that are not installed. */
export async function missingCudaFiles(): Promise<readonly string[]> {
  // The entry is <package>/dist/index.js, the libraries lie in <package>/bin.
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  const root = dirname(dirname(entry));
  const folder = join(root, "bin", "napi-v6", process.platform, process.arch);
  const there = await Promise.all(
    cudaFiles.map((file) =>
      access(join(folder, file)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return cudaFiles.filter((_, index) => there[index] !== true);
}

/** The error for what onnxruntime threw when it was to open `device`. */
export async function deviceError(device: Device, thrown: unknown): Promise<DeviceError> {
  const cause = ensureError(thrown);
  const reason = shortReason(cause.message);
  if (device.type !== "cuda") return new DeviceError(device, reason, webgpuMend(reason), { cause });
  const missing = await missingCudaFiles();
  if (missing.length > 0) {
    const what = `${reason} (${missing.join(" and ")} not installed)`;
    return new DeviceError(device, what, `install it with: ${cudaSetup}`, { cause });
  }
  return new DeviceError(device, reason, cudaMend(reason), { cause });
}

/** The message without the place in onnxruntime's sources and the condition that failed there. */
export function shortReason(message: string): string {
  const line = message.trim().replace(/\s+/g, " ");
  return line.replace(/^\/\S+\.(?:cc|cu|h):\d+ .*? was false\. /, "");
}

function cudaMend(reason: string): string {
  if (/load shared library|cannot open shared object/i.test(reason)) {
    return (
      "it needs the libraries of CUDA 12 and cuDNN 9 where the loader finds them " +
      "(LD_LIBRARY_PATH); onnxruntime's line above names the one that it missed"
    );
  }
  if (/invalid device ordinal|no CUDA-capable device|device_id/i.test(reason)) {
    return "see which GPUs there are with: varft doctor";
  }
  if (/memory|alloc/i.test(reason)) return "see what the model needs with: varft model inspect";
  return "docs/gpu.md says what it needs; varft doctor shows what there is";
}

function webgpuMend(reason: string): string {
  if (!/adapter|vulkan/i.test(reason)) return "docs/gpu.md says what runs there";
  return (
    "it needs Vulkan and a driver of the GPU, on Debian: " +
    "apt-get install libvulkan1 and the GPU's driver (mesa-vulkan-drivers, or NVIDIA's)"
  );
}
