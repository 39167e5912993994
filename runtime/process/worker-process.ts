// A child process of this host: started on a leash, its last words and the cause of its death kept.
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { TerminalError } from "../../events/index.ts";
import { leashDescriptor, leashGraceMs, leashVariable } from "./leash.ts";

/** Log lines of a process that are kept for its obituary. */
export const lastLinesMax = 50;
const lineCharsMax = 2_000;
/** Beyond the leash's grace, before the process group is killed, in milliseconds. */
const killAfterMs = leashGraceMs + 1_000;
const memoryEventsFile = "/sys/fs/cgroup/memory.events";

/** A program that cannot be started. */
export class SpawnError extends TerminalError {
  constructor(role: string, command: string, cause: Error) {
    const mend = "check that the program exists and may be run";
    super("spawn-failed", `cannot start ${role} (${command}): ${cause.message}; ${mend}`, {
      cause,
    });
  }
}

/** Why a process ended. */
export interface Death {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /**
   * Whether the kernel killed for memory in this control group meanwhile; null: cannot be known.
   */
  readonly outOfMemory: boolean | null;
  readonly lastLines: readonly string[];
}

export interface WorkerOptions {
  /** What the process is: `rollout`. */
  readonly role: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Every line the child writes. */
  readonly onLine?: (line: string) => void;
}

export interface WorkerProcess {
  readonly role: string;
  readonly pid: number;
  readonly died: Promise<Death>;
  /** Lets go of the leash; kills the process and its children if they do not end in time. */
  stop(): Promise<Death>;
}

/** Starts a child on a leash; it should call `holdLeash`. Throws `SpawnError`. */
export async function spawnWorker(options: WorkerOptions): Promise<WorkerProcess> {
  const { role, command, args, env, cwd } = options;
  const killsBefore = await memoryKills();
  const child = spawn(command, [...args], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    env: { ...env, [leashVariable]: String(leashDescriptor) },
    // A group of its own: Ctrl-C reaches the head, which ends its children in order; and killing
    // the group takes along what the child has started.
    detached: true,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const lastLines: string[] = [];
  const died = deathOf(child, lastLines, killsBefore);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new SpawnError(role, command, error)));
  });
  const pid = child.pid ?? 0;
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) readLines(stream, lastLines, options.onLine);
  }
  const leash = child.stdio[leashDescriptor] as Writable;
  leash.on("error", () => {});
  return {
    role,
    pid,
    died,
    stop: async () => {
      leash.destroy();
      const timer = setTimeout(() => killGroup(pid), killAfterMs);
      const death = await died;
      clearTimeout(timer);
      return death;
    },
  };
}

/** One line that says why a process ended. */
export function describeDeath({ exitCode, signal, outOfMemory, lastLines }: Death): string {
  const memory = outOfMemory === true ? " (the kernel ran out of memory)" : "";
  const how = signal === null ? `exit code ${exitCode}` : `signal ${signal}${memory}`;
  const last = lastLines.at(-1);
  return last === undefined ? how : `${how}; last line: ${last}`;
}

async function deathOf(
  child: ChildProcess,
  lastLines: readonly string[],
  killsBefore: number | null,
): Promise<Death> {
  const [exitCode, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once("error", () => resolve([null, null]));
    // "exit" and not "close": a grandchild that keeps the pipes open must not hide the death.
    child.once("exit", (code, name) => resolve([code, name]));
  });
  await settle(child);
  const kills = await memoryKills();
  const known = kills !== null && killsBefore !== null;
  const outOfMemory = known ? signal === "SIGKILL" && kills > killsBefore : null;
  return { exitCode, signal, outOfMemory, lastLines: [...lastLines] };
}

/** Gives the pipes a moment to hand over the last lines. */
async function settle(child: ChildProcess): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 200);
  });
  const ended = [child.stdout, child.stderr].map(
    (stream) =>
      new Promise<void>((resolve) => {
        if (stream === null || stream.readableEnded) resolve();
        else stream.once("close", resolve);
      }),
  );
  await Promise.race([Promise.all(ended), late]);
  clearTimeout(timer);
  for (const stream of [child.stdout, child.stderr]) stream?.destroy();
}

function readLines(
  stream: Readable,
  lastLines: string[],
  onLine: ((line: string) => void) | undefined,
): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (text) => {
    const line = text.slice(0, lineCharsMax);
    lastLines.push(line);
    if (lastLines.length > lastLinesMax) lastLines.shift();
    onLine?.(line);
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

async function memoryKills(): Promise<number | null> {
  try {
    const text = await readFile(memoryEventsFile, "utf8");
    const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
    return count === undefined ? null : Number(count);
  } catch {
    return null;
  }
}
