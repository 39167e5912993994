// The worker processes of this host: `varft worker` on a leash, started again when they die.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Head } from "../../actors/index.ts";
import { rolloutDevices } from "../../config/index.ts";
import { type BusPlace, describeDeath, spawnWorker, supervise } from "../../runtime/index.ts";
import { busTokenVariable } from "../environment.ts";
import type { Closers } from "./closers.ts";
import type { SessionOptions } from "./types.ts";

const launcher = join(dirname(fileURLToPath(import.meta.url)), "..", "varft.mjs");

export interface WorkersOptions {
  readonly session: SessionOptions;
  readonly cluster: string;
  readonly place: BusPlace;
  readonly head: Head;
  readonly onFailed: (error: Error) => void;
}

/** Starts one learner, where the run learns, and the configured number of Rollout workers. */
export function startWorkers(options: WorkersOptions, closers: Closers): void {
  const { config } = options.session;
  const devices = rolloutDevices(config);
  const rollouts = Array.from({ length: config.rollout.workers }, (_, index) => {
    const device = devices[index % devices.length] ?? "cpu";
    return start("rollout", `rollout-${index}`, ["--device", device], options);
  });
  // An evaluation learns nothing, and a learner takes as much memory as a rollout.
  const learners = config.run.steps === 0 ? [] : [start("learner", "learner-0", [], options)];
  const supervised = [...rollouts, ...learners];
  closers.add(() => Promise.all(supervised.map((one) => one.stop())));
}

function start(
  role: "rollout" | "learner",
  id: string,
  more: readonly string[],
  options: WorkersOptions,
) {
  const { session, cluster, place, head, onFailed } = options;
  const args = ["--role", role, "--id", id, "--run", session.run, "--cluster", cluster, ...more];
  return supervise(id, {
    spawn: () =>
      spawnWorker({
        role: id,
        command: process.execPath,
        args: [launcher, "worker", ...args, "--bus", place.url],
        env: { ...session.env, [busTokenVariable]: place.token },
        onLine: (line) => session.say(`${id}: ${line}`),
      }),
    onChange(change) {
      if (change.kind === "died") {
        const { pid, death } = change;
        const cause = describeDeath(death);
        session.say(`${id} died (${cause}) and is started again`);
        head.workerEnded({ worker: id, role, cause, process: { pid, ...death } });
      }
      if (change.kind === "parked") onFailed(change.error);
    },
  });
}
