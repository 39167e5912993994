// The cases of the kill matrix: `real:N` is a run of real processes, `simulated:N` one of the tiny
// world in one process. A case is a function of its name, so that its name repeats it.
import type { RunResult } from "../../actors/index.ts";
import { startNatsServer } from "../../runtime/index.ts";
import { startTinyRun } from "../actors/tiny-run.ts";
import type { SmallRuns } from "../e2e/small-runs.ts";
import { DisturbingProxy } from "./disturbing-proxy.ts";
import { realPlan } from "./real-plan.ts";
import { type Disturbed, disturb } from "./real-run.ts";
import { simulatedPlan } from "./simulated-faults.ts";
import { type SimulatedDone, simulate, simulatedConfig } from "./simulated-run.ts";

/** Far more than any program of these runs takes, so that no fault hides behind a time-out. */
export const generous = "sandbox.limits.wall_ms_max=60000";

/** The results of undisturbed runs, each played once. */
export class Undisturbed {
  #real: Promise<RunResult> | null = null;
  #simulated: Promise<RunResult> | null = null;

  real(runs: SmallRuns): Promise<RunResult> {
    this.#real ??= (async () => {
      const { code, err } = await runs.train("undisturbed", generous).ended;
      if (code !== 0) throw new Error(`the undisturbed run ended with code ${code}: ${err}`);
      return runs.result("undisturbed");
    })();
    return this.#real;
  }

  simulated(): Promise<RunResult> {
    this.#simulated ??= (async () => {
      const run = await startTinyRun({ config: simulatedConfig });
      try {
        await run.head.done;
        return await run.result();
      } finally {
        await run.close();
      }
    })();
    return this.#simulated;
  }
}

/** Plays the case `real:<number>`. */
export async function playReal(
  number: number,
  runs: SmallRuns,
  wanted: RunResult,
): Promise<Disturbed> {
  const { faults, isBusRemote, rollouts } = realPlan(number);
  const name = `real-${number}`;
  const sets = [generous, `rollout.workers=${rollouts}`];
  const options = { runs, name, faults, wanted, sets };
  if (!isBusRemote) return disturb(options);
  const server = await startNatsServer({ directory: runs.folder(`bus-${number}`) });
  const proxy = await DisturbingProxy.open(Number(new URL(server.url).port));
  try {
    const bus = { proxy, url: `nats://127.0.0.1:${proxy.port}`, token: server.token };
    return await disturb({ ...options, bus });
  } finally {
    await proxy.close();
    await server.stop();
  }
}

/** Plays the case `simulated:<number>`. */
export function playSimulated(number: number, wanted: RunResult): Promise<SimulatedDone> {
  return simulate(simulatedPlan(number), wanted);
}
