// Faults of a run made of real processes: what they are, and how one is done to it.
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { containersOf, type FoundProcess, processesWith } from "../e2e/host-processes.ts";
import type { DisturbingProxy } from "./disturbing-proxy.ts";

/** Who is hit. `power` is every process and container of the run at once. */
export const victims = [
  "head",
  "rollout",
  "learner",
  "bus",
  "bus-guard",
  "container",
  "power",
] as const;
export type Victim = (typeof victims)[number];

export type RealFault =
  /** SIGKILL to the process. */
  | { readonly kind: "kill"; readonly victim: Victim }
  /** SIGKILL to its process group. */
  | { readonly kind: "kill-group"; readonly victim: "head" | "rollout" | "learner" | "bus" }
  /** SIGSTOP, and SIGCONT after a while; a container is paused. */
  | { readonly kind: "stop"; readonly victim: Victim; readonly ms: number }
  /** What happens to every connection of the bus for a while. */
  | { readonly kind: "bus-reset" | "bus-cut" | "bus-hang" | "bus-slow"; readonly ms: number }
  /** Every fdatasync of the head takes longer for a while, or fails from now on. */
  | { readonly kind: "fsync-slow"; readonly ms: number }
  | { readonly kind: "fsync-fails" };

/** A run as its faults see it. */
export interface FaultedRun {
  readonly run: string;
  /** Of the head of now. */
  readonly headPid: () => number;
  /** Aborted when the run is over. */
  readonly over: AbortSignal;
  /** Between the bus and everybody; null where the run has its private bus. */
  readonly proxy: DisturbingProxy | null;
}

/** Waits until the fault has a victim: a head that starts has no containers yet. */
export async function untilThere(fault: RealFault, target: FaultedRun): Promise<boolean> {
  if (!("victim" in fault)) return true;
  const { victim } = fault;
  const isThere = () =>
    victim === "container"
      ? containersOf(target.run).length > 0
      : processesOf(victim, target).length > 0;
  return untilHit(isThere, target);
}

/** Does `fault` to the run. False where there was nobody to do it to. */
export async function inject(fault: RealFault, target: FaultedRun): Promise<boolean> {
  switch (fault.kind) {
    case "kill":
      return untilHit(() => killAll(fault.victim, target), target);
    case "kill-group": {
      // The server is in the group of the shell that guards it.
      const leader = fault.victim === "bus" ? "bus-guard" : fault.victim;
      return untilHit(() => signalAll(pidsOf(leader, target).map((pid) => -pid)), target);
    }
    case "stop":
      return stopFor(fault.victim, fault.ms, target);
    case "fsync-slow":
      return slowSync(target.headPid(), fault.ms);
    case "fsync-fails":
      return failSync(target.headPid());
    default:
      if (target.proxy === null) return false;
      await target.proxy.disturb(fault.kind, fault.ms);
      return true;
  }
}

/** How long a victim is waited for that is not there yet. */
const victimWaitMs = 15_000;
const victimPollMs = 100;

/** Attempts it until somebody was hit, or nobody came. */
async function untilHit(
  attempt: () => boolean | Promise<boolean>,
  { over }: FaultedRun,
): Promise<boolean> {
  const deadline = performance.now() + victimWaitMs;
  for (;;) {
    if (await attempt()) return true;
    if (over.aborted || performance.now() > deadline) return false;
    await pause(victimPollMs);
  }
}

function processesOf(victim: Victim, { run, headPid }: FaultedRun): readonly FoundProcess[] {
  const all = processesWith(run);
  const words: Readonly<Partial<Record<Victim, RegExp>>> = {
    rollout: / --id rollout-\d/,
    learner: / --id learner-\d/,
    bus: /^\S*nats-server /,
    "bus-guard": /^sh -c /,
  };
  const head = { pid: headPid(), line: "" };
  if (victim === "power") return [head, ...all];
  if (victim === "head") return [head];
  return all.filter(({ line }) => words[victim]?.test(line));
}

function pidsOf(victim: Victim, target: FaultedRun): readonly number[] {
  return processesOf(victim, target).map(({ pid }) => pid);
}

async function killAll(victim: Victim, target: FaultedRun): Promise<boolean> {
  if (victim === "container") return forContainers(target.run, "kill");
  const killed = signalAll(pidsOf(victim, target));
  if (victim === "power") await forContainers(target.run, "kill");
  return killed;
}

/** Signals every one of `pids`; a negative one is a group. False where there was none. */
function signalAll(pids: readonly number[], name: NodeJS.Signals = "SIGKILL"): boolean {
  let hit = false;
  for (const pid of pids) {
    try {
      process.kill(pid, name);
      hit = true;
    } catch {
      // It has ended meanwhile.
    }
  }
  return hit;
}

async function stopFor(victim: Victim, ms: number, target: FaultedRun): Promise<boolean> {
  const isContainer = victim === "container";
  let pids: readonly number[] = [];
  const stop = (): boolean | Promise<boolean> => {
    if (isContainer) return forContainers(target.run, "pause");
    pids = pidsOf(victim, target);
    return signalAll(pids, "SIGSTOP");
  };
  const isStopped = await untilHit(stop, target);
  await pause(ms);
  if (isContainer) await forContainers(target.run, "unpause");
  else signalAll(pids, "SIGCONT");
  return isStopped;
}

const call = promisify(execFile);

/** Does it to all of the run's containers. */
async function forContainers(run: string, verb: "kill" | "pause" | "unpause"): Promise<boolean> {
  const calls = containersOf(run).map((id) => call("docker", [verb, id]));
  const results = await Promise.allSettled(calls);
  return results.some(({ status }) => status === "fulfilled");
}

/** What one fdatasync takes longer under `fsync-slow`, in microseconds. */
const syncDelayUs = 150_000;

async function slowSync(pid: number, ms: number): Promise<boolean> {
  const tracer = trace(pid, `inject=fdatasync,fsync,msync:delay_enter=${syncDelayUs}`);
  await pause(ms);
  tracer.kill("SIGTERM");
  return true;
}

/** The head ends with it, and so does the tracer. */
async function failSync(pid: number): Promise<boolean> {
  trace(pid, "inject=fdatasync,fsync,msync:error=EIO");
  return true;
}

function trace(pid: number, injection: string) {
  const calls = ["-e", "trace=fdatasync,fsync,msync", "-e", injection];
  const args = ["-f", "-qq", "-o", "/dev/null", ...calls, "-p", String(pid)];
  return spawn("strace", args, { stdio: "ignore" });
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
