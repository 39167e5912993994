// Runs a process and watches, from outside, how much memory it takes.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 50;

/** What a process left behind. */
export interface Measured {
  /** Its last line of output, parsed as JSON; null when it said nothing. */
  readonly last: unknown;
  /** The most resident memory it ever had: the kernel's own high-water mark (VmHWM). */
  readonly peakBytes: number;
}

/** Runs `command` to its end. What it says on standard error is told when it fails. */
export async function runMeasured([file = "", ...args]: readonly string[]): Promise<Measured> {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  let isRunning = true;
  const code = ended.finally(() => {
    isRunning = false;
  });
  let peakBytes = 0;
  while (isRunning) {
    peakBytes = Math.max(peakBytes, await highWaterBytes(child.pid));
    await Promise.race([sleep(pollMs), code]);
  }
  if ((await code) !== 0) throw new Error(`${file} ${args.join(" ")} failed:\n${err}${out}`);
  const line = out.trim().split("\n").at(-1) ?? "";
  return { last: line === "" ? null : (JSON.parse(line) as unknown), peakBytes };
}

async function highWaterBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return 1_024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
}
