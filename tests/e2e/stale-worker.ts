// A Rollout worker with a fault that the product must find: it keeps the first policy that it was
// given. An honest one says which policy it holds, a lying one names the one it was told to load.
//
//   node --import tsx tests/e2e/stale-worker.ts honest|lying RUN URL      token in VARFT_BUS_TOKEN
import { hostname } from "node:os";
import { openRolloutPolicy, type PolicySampler, runRolloutWorker } from "../../actors/index.ts";
import { restoreRunConfig } from "../../config/index.ts";
import { type EventData, type HashName, streams } from "../../events/index.ts";
import { connectLedger, connectNats, numericClassOf, workerAddress } from "../../runtime/index.ts";
import { environment } from "../../tasks/index.ts";

const [, , kind = "", run = "", url = ""] = process.argv;
const address = { cluster: "local", run };
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

const bus = await connectNats({ url, token: process.env["VARFT_BUS_TOKEN"] ?? "", name: "stale" });
const ledger = connectLedger({ bus, address });
const { config: recorded, numericClass } = await started();
const config = restoreRunConfig(recorded);
const policy = await openRolloutPolicy(config, (name) => ledger.blobs.get(name));
const { sandbox } = numericClass;
await runRolloutWorker({
  address,
  bus,
  ledger,
  config,
  environment,
  encoder: policy.encoder,
  sampler: stale(policy.sampler),
  info: {
    id: "rollout-stale",
    address: workerAddress("rollout-stale"),
    role: "rollout",
    pid: process.pid,
    host: hostname(),
    numericClass: await numericClassOf({ sandbox, accelerator: null }),
  },
  signal: stop.signal,
});
await policy.close();
await ledger.close();
await bus.close();

/** The run's first event; a head that is still starting is waited for. */
async function started(): Promise<EventData<"run.started">> {
  for (;;) {
    const [first] = await ledger.readStream(streams.run(run), 1, 1);
    if (first !== undefined) return first.data as EventData<"run.started">;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function stale(sampler: PolicySampler): PolicySampler {
  let held: Promise<HashName> | null = null;
  return {
    rowsMax: sampler.rowsMax,
    async load(name, bytes) {
      held ??= sampler.load(name, bytes);
      const first = await held;
      return kind === "lying" ? name : first;
    },
    sample: (requests, sampling) => sampler.sample(requests, sampling),
  };
}
