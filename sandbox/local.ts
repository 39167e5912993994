// UNSAFE: the runner as a child process of this one, without any isolation. For tests of the pool
// and for simulation with trusted programs; never for what a model wrote.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hashName } from "../events/index.ts";
import { Runner, RunnerPool, type RunnerTransport } from "./runner/index.ts";

const runnerPath = fileURLToPath(new URL("./image/runner.py", import.meta.url));
const lastWordsCharactersMax = 2_000;

export interface UnsafeLocalSandboxOptions {
  /** The interpreter and its arguments; it must be able to import cv2 and numpy. */
  readonly python: readonly [string, ...string[]];
  readonly environment?: NodeJS.ProcessEnv;
  readonly size?: number;
}

/** Opens a pool of local runners. The name says what it is. */
export function openUnsafeLocalSandbox(options: UnsafeLocalSandboxOptions): RunnerPool {
  return new RunnerPool({
    digest: hashName(Buffer.from(`local ${options.python.join(" ")}`)),
    size: options.size ?? 1,
    open: async () => {
      const runner = new Runner(await startProcess(options));
      await runner.greet();
      return runner;
    },
  });
}

async function startProcess(options: UnsafeLocalSandboxOptions): Promise<RunnerTransport> {
  const folder = await mkdtemp(join(tmpdir(), "varft-local-"));
  const [command, ...parameters] = options.python;
  const child = spawn(command, [...parameters, "-B", runnerPath, "--local", folder], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { OMP_NUM_THREADS: "1", PYTHONHASHSEED: "0", ...options.environment },
  });
  let words = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    words = (words + text).slice(-lastWordsCharactersMax);
  });
  child.stdin.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  return {
    name: `process ${child.pid ?? "none"}`,
    output: child.stdout,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        child.stdin.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    lastWords: () => words,
    wasOutOfMemory: async () => false,
    isRunning: async () => child.exitCode === null && child.signalCode === null,
    destroy: async () => {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
