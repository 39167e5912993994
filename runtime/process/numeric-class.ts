// The numeric class of a process: what must be equal for its numbers to be equal bit by bit (I4).
// JavaScript's engine belongs to it: exp, sin and cos differ from one V8 to another in the last
// bit.
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type NumericClass, sha256Hex } from "../../events/index.ts";

/** The rooms whose code decides what numbers come out. */
const rooms = ["actors", "events", "model", "sandbox", "tasks"];
const shipped = /\.(?:ts|mjs|py)$/;
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const hashCharsKept = 16;
/** Major and minor version. */
const engine = process.versions.v8.split(".").slice(0, 2).join(".");

let codeBuild: Promise<string> | null = null;
let runtimeVersion: Promise<string> | null = null;

export interface NumericClassOptions {
  /** The digest of the sandbox image; `none` where tools are not run. */
  readonly sandbox: string;
  /** The accelerator, by its model name; null for the CPU. */
  readonly accelerator: string | null;
  /**
   * The server that samples, by kind and version; null or absent for the engine of this process.
   */
  readonly engine?: string | null;
  /** The learner's accelerator, null for the CPU; absent where it is the same. */
  readonly learner?: string | null;
}

/** The numeric class of this process. */
export async function numericClassOf(options: NumericClassOptions): Promise<NumericClass> {
  codeBuild ??= hashCode();
  runtimeVersion ??= readRuntimeVersion();
  const device = options.accelerator ?? (await cpuClass());
  const learner = options.learner === undefined ? device : (options.learner ?? (await cpuClass()));
  return {
    code: `${await codeBuild} on V8 ${engine}`,
    onnxruntime: await runtimeVersion,
    device,
    sandbox: options.sandbox,
    ...(options.engine == null ? {} : { engine: options.engine }),
    ...(learner === device ? {} : { learner }),
  };
}

/** What a worker of `role` has to be of in a run of the class `run`. */
export function classOfRole(run: NumericClass, role: string): NumericClass {
  const { learner, ...rest } = run;
  return role === "learner" && learner !== undefined ? { ...rest, device: learner } : rest;
}

/**
 * Where two classes differ: `device: cpu-x64-avx2, not cpu-x64-avx512`; null where they are equal.
 */
export function differenceOf(given: NumericClass, wanted: NumericClass): string | null {
  const keys = ["code", "onnxruntime", "device", "sandbox", "engine", "learner"] as const;
  const absent = { engine: "built-in", learner: "as the rollouts" };
  const name = (of: NumericClass, key: (typeof keys)[number]): string =>
    of[key] ?? (key === "engine" || key === "learner" ? absent[key] : "");
  const differences = keys
    .filter((key) => given[key] !== wanted[key])
    .map((key) => `${key}: ${name(given, key)}, not ${name(wanted, key)}`);
  return differences.length === 0 ? null : differences.join("; ");
}

/**
 * The instruction set by which onnxruntime chooses its float kernels, from the flags of
 * `/proc/cpuinfo`: its AVX-512 kernels want F, BW, DQ and VL, its AVX2 kernels also FMA.
 */
export function instructionSetOf(flags: ReadonlySet<string>): string {
  const all = (...names: readonly string[]): boolean => names.every((name) => flags.has(name));
  if (all("avx512f", "avx512bw", "avx512dq", "avx512vl")) return "avx512";
  if (all("avx512f")) return "avx512f";
  if (all("avx2", "fma")) return "avx2";
  if (all("avx")) return "avx";
  if (all("sve")) return "sve";
  if (all("asimddp")) return "neon-dot";
  return "base";
}

async function cpuClass(): Promise<string> {
  let flags: ReadonlySet<string> = new Set();
  try {
    const text = await readFile("/proc/cpuinfo", "utf8");
    flags = new Set(/^(?:flags|Features)\s*:\s*(.*)$/m.exec(text)?.[1]?.split(/\s+/));
  } catch {
    // No such file on this system: the architecture alone names the class.
  }
  return `cpu-${process.arch}-${instructionSetOf(flags)}`;
}

async function hashCode(): Promise<string> {
  const files = ["package.json"];
  for (const room of rooms) {
    const entries = await readdir(join(root, room), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const file = join(entry.parentPath, entry.name);
      if (entry.isFile() && shipped.test(entry.name)) files.push(file.slice(root.length + 1));
    }
  }
  const lines: string[] = [];
  for (const file of files.sort()) {
    lines.push(`${sha256Hex(await readFile(join(root, file)))} ${file.replaceAll("\\", "/")}`);
  }
  return sha256Hex(lines.join("\n")).slice(0, hashCharsKept);
}

async function readRuntimeVersion(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
  const { version } = JSON.parse(await readFile(entry, "utf8")) as { readonly version: string };
  return version;
}
