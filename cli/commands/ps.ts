// `varft ps [RUN]`: what lives now: heads, workers, the sandbox.
import { join } from "node:path";
import { stoppedWriter } from "../../storage/index.ts";
import type { Command } from "../command.ts";
import { runDirectory, runNames } from "../run/index.ts";
import {
  askHead,
  type RunProcesses,
  recordedProcesses,
  type SandboxView,
  type WorkerView,
} from "../session/index.ts";
import { duration, tableLines } from "../text/index.ts";

export const ps: Command = {
  name: "ps",
  about: "What lives now: heads, workers and the containers of programs",
  args: {
    run: {
      type: "positional",
      required: false,
      description: "A run; left out: every run of this folder whose head answers",
    },
  },
  examples: ["varft ps", "varft ps quickstart-20261122-150312 --json"],
  async run(words, { terminal, json, runs: folder, env, clock }) {
    const given = words.text("run");
    const clockMs = clock();
    const { found, stopped } =
      given === undefined
        ? await liveRuns(folder, env, clockMs)
        : { found: [await processesOf(folder, given, env, clockMs)], stopped: [] };
    for (const problem of stopped) terminal.err(`varft: ${problem}\n`);
    if (json) terminal.out(`${JSON.stringify({ runs: found })}\n`);
    else if (found.length === 0 && stopped.length === 0) {
      terminal.out(`No run of ${folder} lives now.\n`);
    } else if (found.length > 0) {
      terminal.out(`${found.map((one) => lines(one, clockMs).join("\n")).join("\n\n")}\n`);
    }
    return 0;
  },
};

type Variables = Readonly<Record<string, string | undefined>>;

interface LiveRuns {
  readonly found: readonly RunProcesses[];
  /** Of each run whose head stands still, what is to be said. */
  readonly stopped: readonly string[];
}

async function liveRuns(folder: string, env: Variables, clockMs: number): Promise<LiveRuns> {
  const names = await runNames(folder);
  const asked = names.map(async (run) => {
    const stopped = await stoppedWriter(join(folder, run)).catch(() => null);
    if (stopped !== null) return stopped.message;
    return askHead(folder, run, env, clockMs).catch(() => null);
  });
  const told = (await Promise.all(asked)).filter((one) => one !== null);
  return {
    found: told.filter((one) => typeof one !== "string"),
    stopped: told.filter((one) => typeof one === "string"),
  };
}

/** A head that stands still is not asked: it would not answer. */
async function processesOf(
  folder: string,
  run: string,
  env: Variables,
  clockMs: number,
): Promise<RunProcesses> {
  const stopped = await stoppedWriter(await runDirectory(folder, run));
  if (stopped !== null) throw stopped;
  return (await askHead(folder, run, env, clockMs)) ?? recordedProcesses(folder, run);
}

function lines({ run, head, workers, sandbox }: RunProcesses, clockMs: number): readonly string[] {
  const title =
    head === null
      ? `${run}: no head answers; what its ledger says last:`
      : `${run}: head ${head.pid} on ${head.host} for ${since(head.sinceMs, clockMs)}`;
  const header = ["worker", "role", "state", "since", "seen", "process", "host", "device"];
  const rows = workers.map((worker) => cells(worker, clockMs));
  return [
    title,
    ...(rows.length === 0 ? ["no workers"] : tableLines(header, rows)),
    ...(sandbox === null ? [] : [sandboxWords(sandbox)]),
  ];
}

function cells(worker: WorkerView, clockMs: number): readonly string[] {
  const { id, role, state, sinceMs, lastSeenMs, pid, host, device, cause } = worker;
  const ago = (ms: number | null) => (ms === null ? "–" : `${since(ms, clockMs)} ago`);
  const told = cause === null ? state : `${state}: ${cause}`;
  const place = [pid === null ? "–" : String(pid), host ?? "–", device ?? "–"];
  return [id, role, told, ago(sinceMs), ago(lastSeenMs), ...place];
}

function since(ms: number, clockMs: number): string {
  return duration(Math.max(0, clockMs - ms) / 1_000);
}

function sandboxWords(sandbox: SandboxView): string {
  const { level, size, busy, idle, opening, backingOff, waiting, lost, executions } = sandbox;
  const back = backingOff === 0 ? "" : ` (${backingOff} waiting after losses)`;
  const containers = `${busy} busy, ${idle} idle, ${opening} opening${back} of ${size}`;
  const done = executions === null ? "" : `; ${executions} executions`;
  return `sandbox (${level}): ${containers}; ${waiting} calls waiting${done}; ${lost} lost`;
}
