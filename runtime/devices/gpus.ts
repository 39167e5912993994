// The GPUs of this host, as far as it tells: NVIDIA's by nvidia-smi, others by what the kernel and
// Vulkan have left in the file system. Reads only.
import { execFile } from "node:child_process";
import { access, constants, readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { ensureError, TerminalError } from "../../events/index.ts";

const run = promisify(execFile);
const answerMsMax = 10_000;

/** An NVIDIA GPU; `index` is the N of `cuda:N` where every GPU is visible. */
export interface Gpu {
  readonly index: number;
  readonly name: string;
  readonly memoryBytes: number | null;
  readonly freeBytes: number | null;
  readonly driver: string;
}

/** What there is to compute on, besides the processor. */
export interface GpuFacts {
  /** By nvidia-smi; null where there is no such program. */
  readonly gpus: readonly Gpu[] | null;
  /** GPUs that NVIDIA's kernel module knows. */
  readonly nvidiaDevices: number;
  /** `/dev/dri/renderD*`: what graphics drivers offer. */
  readonly renderNodes: readonly string[];
  /** Vulkan drivers by their manifests: what WebGPU can find. */
  readonly vulkanDrivers: readonly string[];
}

/** nvidia-smi is there and says nothing that can be used. */
export class GpuQueryError extends TerminalError {
  constructor(reason: string, options: ErrorOptions = {}) {
    const mend = "nvidia-smi must work: mend the NVIDIA driver, or take nvidia-smi off the PATH";
    super("gpu-query", `nvidia-smi: ${reason}; ${mend}`, { ...options, facts: { reason } });
  }
}

/** The columns asked for; nvidia-smi documents names, order and units (MiB). */
const columns = ["index", "name", "memory.total", "memory.free", "driver_version"] as const;

/**
 * The GPUs of an answer to `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`.
 * @throws {GpuQueryError} on any line that is not such an answer
 */
export function parseGpus(text: string): readonly Gpu[] {
  const lines = text.split("\n").map((line) => line.trim());
  const kept = lines.filter((line) => line !== "" && !/^No devices were found/i.test(line));
  return kept.map((line) => {
    // A name may hold commas, the other columns never do.
    const [index = "", ...rest] = line.split(",").map((part) => part.trim());
    const [total = "", free = "", driver = ""] = rest.splice(-3);
    const name = rest.join(", ");
    const sizes = [mebibytes(total), mebibytes(free)] as const;
    if (!/^\d+$/.test(index) || name === "" || driver === "" || sizes.includes(undefined)) {
      throw new GpuQueryError(`cannot read "${line}" as ${columns.join(", ")}`);
    }
    const [memoryBytes = null, freeBytes = null] = sizes;
    return { index: Number(index), name, memoryBytes, freeBytes, driver };
  });
}

/** Bytes; null for what a GPU does not tell (`[N/A]`), undefined for what is no number. */
function mebibytes(text: string): number | null | undefined {
  if (/^\[.*\]$/.test(text) || text === "N/A") return null;
  return /^\d+$/.test(text) ? Number(text) * 2 ** 20 : undefined;
}

/**
 * The NVIDIA GPUs; null without nvidia-smi on `path`, a search path.
 * @throws {GpuQueryError}
 */
export async function nvidiaGpus(path: string): Promise<readonly Gpu[] | null> {
  const program = await programOn(path, "nvidia-smi");
  if (program === null) return null;
  const args = [`--query-gpu=${columns.join(",")}`, "--format=csv,noheader,nounits"];
  try {
    const { stdout } = await run(program, args, { timeout: answerMsMax, env: { PATH: path } });
    return parseGpus(stdout);
  } catch (thrown) {
    if (thrown instanceof GpuQueryError) throw thrown;
    const { stdout = "", stderr = "" } = thrown as { stdout?: string; stderr?: string };
    const said = `${stdout}\n${stderr}`.trim().split("\n")[0] ?? "";
    // It ends so, with a code of its own, where the driver works and has no GPU to serve.
    if (/^No devices were found/i.test(said)) return [];
    const reason = said === "" ? ensureError(thrown).message : said;
    throw new GpuQueryError(reason, { cause: thrown });
  }
}

/** Everything about GPUs. `root` is where the file system begins. */
export async function gpuFacts(path: string, root = "/"): Promise<GpuFacts> {
  const manifests = await Promise.all(
    ["usr/share", "etc", "usr/local/share"].map((folder) =>
      namesIn(join(root, folder, "vulkan/icd.d")),
    ),
  );
  const dri = await namesIn(join(root, "dev/dri"));
  return {
    gpus: await nvidiaGpus(path),
    nvidiaDevices: (await namesIn(join(root, "proc/driver/nvidia/gpus"))).length,
    renderNodes: dri.filter((name) => name.startsWith("renderD")),
    vulkanDrivers: manifests.flat().filter((name) => name.endsWith(".json")),
  };
}

async function programOn(path: string, name: string): Promise<string | null> {
  for (const folder of path.split(delimiter).filter((entry) => entry !== "")) {
    const file = join(folder, name);
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return null;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    // No such folder: nothing is there.
    return [];
  }
}
