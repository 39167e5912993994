// The run that continues a trajectory: one evaluation of one task, as often as is asked for, under
// the settings of the run that it comes from. Pure.
import type { Sampling } from "../events/index.ts";
import { restoreRunConfig } from "./read.ts";
import type { RunConfig } from "./run-schema.ts";

/** The name of its one evaluation, and of the set that its task is. */
const name = "continued";

export interface ContinuationSettings {
  /** How the trajectory was sampled. */
  readonly sampling: Sampling;
  /** How often it is continued. */
  readonly samples: number;
  /** Each `key=value`, in order. */
  readonly overrides: readonly string[];
}

/** The configuration of a continuation. @throws {ConfigError} */
export function continuationRun(
  parent: RunConfig,
  { sampling, samples, overrides }: ContinuationSettings,
): RunConfig {
  const { temperature, greedy, tools, mode } = sampling;
  const { policy, ...rest } = parent;
  const set = { name, set: name, tasks: 1, samples, greedy, tools, ...(mode && { mode }) };
  const lowered = {
    ...rest,
    // Any other policy is brought along; a server's stays where it is.
    ...(policy?.type === "server" && { policy }),
    run: { ...parent.run, steps: 0 },
    rollout: { ...parent.rollout, temperature },
    evaluation: { everySteps: 0, sets: [{ ...set, when: ["before"] }] },
  };
  return restoreRunConfig(JSON.parse(JSON.stringify(lowered)) as typeof lowered, overrides);
}
