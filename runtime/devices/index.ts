// GPUs: what this host has, and what they are called.
export { acceleratorOf } from "./accelerator.ts";
export { type Gpu, type GpuFacts, GpuQueryError, gpuFacts, nvidiaGpus, parseGpus } from "./gpus.ts";
