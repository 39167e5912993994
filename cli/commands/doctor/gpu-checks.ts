// GPUs as rows of `varft doctor`. A host without any is a good host, so nothing here is missing
// unless an NVIDIA driver is there and broken; what would make a GPU usable is told all the same.

import type { Gpu, GpuFacts } from "../../../runtime/index.ts";
import type { DoctorCheck } from "../../../sandbox/index.ts";

/** Packages without which no program finds a GPU through Vulkan. */
const vulkanSetup = "apt-get install libvulkan1 and the GPU's driver";

/** `missingCuda`: files of onnxruntime's CUDA provider that are not installed. */
export function gpuChecks(facts: GpuFacts, missingCuda: readonly string[]): readonly DoctorCheck[] {
  const { gpus, nvidiaDevices } = facts;
  const hasNvidia = (gpus?.length ?? 0) > 0 || nvidiaDevices > 0;
  return [
    gpuRow(facts),
    ...(hasNvidia ? [cudaRow(missingCuda)] : []),
    ...(hasNvidia || facts.renderNodes.length > 0 ? [webgpuRow(facts)] : []),
  ];
}

/** The row of a host whose nvidia-smi cannot be understood. */
export function brokenGpuCheck(error: Error): DoctorCheck {
  const fix = "mend the NVIDIA driver, or take nvidia-smi off the PATH";
  return { name: "gpus", ok: false, detail: error.message.split("; ")[0] ?? "", fix };
}

function gpuRow({ gpus, nvidiaDevices, renderNodes }: GpuFacts): DoctorCheck {
  const row = (detail: string, fix = "") => ({ name: "gpus", ok: true, detail, fix });
  if (gpus !== null && gpus.length > 0) {
    const drivers = [...new Set(gpus.map(({ driver }) => driver))].join(", ");
    return row(`${gpus.length}: ${gpus.map(words).join("; ")}; driver ${drivers}`);
  }
  if (nvidiaDevices > 0) {
    return row(
      `${nvidiaDevices} by NVIDIA's kernel module, but nvidia-smi does not tell of them`,
      "install nvidia-smi of the driver's version, to see names and memory",
    );
  }
  if (renderNodes.length > 0)
    return row(`none of NVIDIA; graphics devices: ${renderNodes.join(", ")}`);
  return row("none; everything runs on the CPU");
}

function words({ index, name, memoryBytes, freeBytes }: Gpu): string {
  const free = freeBytes === null ? "" : ` (${gibibytes(freeBytes)} free)`;
  const memory = memoryBytes === null ? "memory unknown" : `${gibibytes(memoryBytes)}${free}`;
  return `cuda:${index} ${name}, ${memory}`;
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function cudaRow(missing: readonly string[]): DoctorCheck {
  const isThere = missing.length === 0;
  return {
    name: "cuda provider",
    ok: true,
    detail: isThere ? "installed" : 'not installed: device = "cuda:N" is not possible yet',
    fix: isThere ? "" : "npm run setup:cuda",
  };
}

function webgpuRow({ vulkanDrivers }: GpuFacts): DoctorCheck {
  const isThere = vulkanDrivers.length > 0;
  const found = isThere ? `Vulkan drivers: ${vulkanDrivers.join(", ")}` : "no Vulkan driver";
  return {
    name: "webgpu",
    ok: true,
    detail: `${found}; which adapter it gives is seen when a model is opened on webgpu:0`,
    fix: isThere ? "" : vulkanSetup,
  };
}
