// Real processes of a run: started, heard, stopped, and looked for afterwards.
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** A process whose words are kept. */
export interface Heard {
  readonly pid: number;
  readonly ended: Promise<Ending>;
  /** Resolves with the first line of standard output that `isIt` accepts; rejects at the end. */
  line(isIt: (line: string) => boolean): Promise<string>;
  signal(name: NodeJS.Signals): void;
}

export interface Ending {
  readonly code: number | null;
  readonly out: readonly string[];
  readonly err: string;
}

interface Waiting {
  readonly isIt: (line: string) => boolean;
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

/** Starts `node ...args` in the project's folder. */
export function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Heard {
  // A group of its own, so that a Ctrl-C for the tests is not one for what they test.
  const child = spawn(process.execPath, args, {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const out: string[] = [];
  const waiting = new Set<Waiting>();
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    out.push(line);
    for (const one of waiting) {
      if (!one.isIt(line)) continue;
      waiting.delete(one);
      one.resolve(line);
    }
  });
  const ended = new Promise<Ending>((resolve) => {
    child.once("close", (code) => {
      for (const { reject } of waiting) reject(new Error(`it ended first: ${err}`));
      resolve({ code, out, err });
    });
  });
  return {
    pid: child.pid ?? 0,
    ended,
    line: (isIt) =>
      new Promise((resolve, reject) => {
        const known = out.find(isIt);
        if (known !== undefined) resolve(known);
        else waiting.add({ isIt, resolve, reject });
      }),
    signal: (name) => void child.kill(name),
  };
}

/** A running process and its command line. */
export interface FoundProcess {
  readonly pid: number;
  readonly line: string;
}

/** The running processes whose command lines name `word`. */
export function processesWith(word: string): readonly FoundProcess[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map((pid) => ({ pid: Number(pid), line: commandLine(pid) }))
    .filter(({ line }) => line.includes(word));
}

/** Their command lines. */
export function processesNaming(word: string): readonly string[] {
  return processesWith(word).map(({ line }) => line);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return ""; // It has ended meanwhile.
  }
}

/** The containers, running or not, that carry the run's label. */
export function containersOf(run: string): readonly string[] {
  const filter = ["--all", "--quiet", "--filter", `label=varft.run=${run}`];
  const listed = execFileSync("docker", ["ps", ...filter], { encoding: "utf8" });
  return listed.split("\n").filter((line) => line !== "");
}
