// `varft worker`: a worker process, started by the head or by hand on any host.
import { hostname } from "node:os";
import { join } from "node:path";
import { type BusPlace, readBusFile } from "../../runtime/index.ts";
import type { Command } from "../command.ts";
import { busTokenVariable } from "../environment.ts";
import { UsageError } from "../errors.ts";
import { deviceArg, deviceWord } from "../words/index.ts";

const roles = ["rollout", "learner"] as const;

export const worker: Command = {
  name: "worker",
  about: "Work for a run's head: sample trajectories, or learn",
  args: {
    run: { type: "string", valueHint: "RUN", description: "The run to work for (required)" },
    bus: {
      type: "string",
      valueHint: "URL",
      description: `NATS server; token in ${busTokenVariable}`,
    },
    role: { type: "string", valueHint: "ROLE", description: "rollout (default) or learner" },
    id: { type: "string", valueHint: "ID", description: "Unique among the run's workers" },
    cluster: { type: "string", valueHint: "NAME", description: "Default: local" },
    device: deviceArg("Where a rollout worker samples (default: the run's first device)"),
  },
  async run(words, { runs, env, signal }) {
    const { runWorker } = await import("../session/index.ts");
    const run = words.required("run");
    const role = roles.find((one) => one === (words.text("role") ?? "rollout"));
    if (role === undefined) {
      throw new UsageError(`--role is ${roles.join(" or ")}, not "${words.text("role")}"`);
    }
    const host = hostname().replaceAll(/[^A-Za-z0-9_-]/g, "-");
    const id = words.text("id") ?? `${role}-${host}-${process.pid}`;
    const cluster = words.text("cluster") ?? "local";
    const device = deviceWord(words);
    if (device !== undefined && role === "learner") {
      throw new UsageError("--device is for rollout; learner.device says where the learner works");
    }
    const bus = await busOf(words.text("bus"), join(runs, run), env[busTokenVariable]);
    await runWorker({ role, worker: id, cluster, run, bus, env, device }, signal);
    return 0;
  },
};

/** The bus by its address, or the private one of a run of this host. */
async function busOf(url: string | undefined, directory: string, token = ""): Promise<BusPlace> {
  if (url !== undefined) return { url, token };
  const place = await readBusFile(directory);
  if (place !== null) return place;
  throw new UsageError(
    `no head runs in ${directory}: name its bus with --bus URL (and the token in ${busTokenVariable})`,
  );
}
