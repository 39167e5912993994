// What this host has and lacks, as rows for `varft doctor`. Reads only, mends nothing.
import { execFile } from "node:child_process";
import { access, readFile, statfs } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ensureError, VarftError } from "../events/index.ts";
import { type Engine, engineCall, imageDigest, isPodman, openEngine } from "./docker/index.ts";
import { sandboxImageTag } from "./image.ts";

const run = promisify(execFile);
const setup = "bash scripts/setup.sh";
const repository = fileURLToPath(new URL("../", import.meta.url));
const nodeMajorMin = 20;
const diskFreeBytesMin = 2 * 1024 ** 3;
const memoryFreeBytesMin = 2 * 1024 ** 3;
const probeMsMax = 5_000;

export interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or what is wrong. */
  readonly detail: string;
  /** The command that mends it; empty when nothing is to be mended. */
  readonly fix: string;
}

export interface DoctorOptions {
  /** The engine's socket; the default one otherwise. */
  readonly socket?: string;
  /** Where runs are kept: the disk to look at. */
  readonly folder: string;
  /** The search path for nats-server: `process.env.PATH` of the caller. */
  readonly path: string;
}

/** Every check, in the order of a table. A check that throws is a row that is not ok. */
export async function doctorChecks(options: DoctorOptions): Promise<readonly DoctorCheck[]> {
  const engine = openEngine(options.socket === undefined ? {} : { socket: options.socket });
  return Promise.all([
    row("node", "https://nodejs.org/en/download", nodeVersion),
    row("npm packages", "npm ci", npmPackages),
    row("nats-server", setup, () => natsServer(options.path)),
    row("docker engine", setup, () => dockerEngine(engine)),
    row("sandbox image", setup, () => sandboxImage(engine)),
    row("free disk", "free some space, or set another runs folder", () => freeDisk(options.folder)),
    row("memory", "end other programs, or use a smaller model", freeMemory),
  ]);
}

async function row(name: string, fix: string, find: () => Promise<string>): Promise<DoctorCheck> {
  try {
    return { name, ok: true, detail: await find(), fix: "" };
  } catch (thrown) {
    const error = ensureError(thrown);
    const detail = error instanceof VarftError ? error.message : `${error.message}`.trim();
    return { name, ok: false, detail, fix };
  }
}

async function nodeVersion(): Promise<string> {
  const { version, arch } = process;
  if (Number(version.slice(1).split(".")[0]) < nodeMajorMin) {
    throw new Error(`${version}; ${nodeMajorMin} or newer is needed`);
  }
  return `${version} ${arch}`;
}

/** npm's record of what it installed against the lock file: name and version of every package. */
async function npmPackages(): Promise<string> {
  const locked = await packagesOf(join(repository, "package-lock.json"));
  const installed = await packagesOf(join(repository, "node_modules/.package-lock.json"));
  const missing = [...installed].filter(([name, version]) => locked.get(name) !== version);
  if (missing.length > 0) throw new Error(`${missing.length} packages differ from the lock file`);
  return `${installed.size} installed`;
}

async function packagesOf(path: string): Promise<Map<string, string>> {
  const lock = JSON.parse(await readFile(path, "utf8"));
  const entries = Object.entries<{ version?: string }>(lock.packages).filter(([key]) => key !== "");
  return new Map(entries.map(([key, { version }]) => [key, version ?? ""]));
}

async function natsServer(path: string): Promise<string> {
  // Debian puts it where only root's search path looks.
  for (const folder of [...path.split(delimiter), "/usr/sbin", "/usr/local/sbin"]) {
    const file = join(folder, "nats-server");
    const found = await access(file).then(
      () => true,
      () => false,
    );
    if (!found) continue;
    const { stdout } = await run(file, ["--version"], { timeout: probeMsMax });
    return `${stdout.trim().replace("nats-server: ", "")} ${file}`;
  }
  throw new Error("not found on PATH");
}

/** Which engine it is, and what it has besides: remapped users, gVisor. */
async function dockerEngine(engine: Engine): Promise<string> {
  const { Version } = await engineCall(engine, (docker) => docker.version());
  const name = (await isPodman(engine)) ? "Podman" : "Docker";
  const info = await engineCall(engine, (docker) => docker.info());
  const security: readonly string[] = info.SecurityOptions ?? [];
  const extras = [
    ...(security.includes("name=userns") ? ["users remapped"] : []),
    ...(Object.hasOwn(info.Runtimes ?? {}, "runsc") ? ["runsc"] : []),
  ];
  return [`${name} ${Version} ${engine.socket}`, ...extras].join(", ");
}

async function sandboxImage(engine: Engine): Promise<string> {
  const tag = await sandboxImageTag();
  const digest = await imageDigest(engine, tag);
  const { Size } = await engineCall(engine, (docker) => docker.getImage(tag).inspect());
  return `${tag} ${digest.slice(0, 19)} ${Math.round(Size / 1e6)} MB`;
}

async function freeDisk(folder: string): Promise<string> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes < diskFreeBytesMin) throw new Error(`${gibibytes(freeBytes)} in ${folder}`);
  return `${gibibytes(freeBytes)} in ${folder}`;
}

async function freeMemory(): Promise<string> {
  const text = await readFile("/proc/meminfo", "utf8");
  const bytesOf = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024;
  const [available, total] = [bytesOf("MemAvailable"), bytesOf("MemTotal")];
  const detail = `${gibibytes(available)} available of ${gibibytes(total)}`;
  if (available < memoryFreeBytesMin) throw new Error(detail);
  return detail;
}

function gibibytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
