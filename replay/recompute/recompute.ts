// The dear half of a replay: tokens, log-probs and gradients computed again by an engine, tool
// calls carried out again.
import type {
  Encoder,
  Environment,
  PolicyOptimizer,
  PolicySampler,
  PolicyTrainer,
  ToolExecutor,
} from "../../actors/index.ts";
import { keptOf, trajectoryLimits } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import type { EventData, HashName } from "../../events/index.ts";
import {
  type Findings,
  type FoldedTrajectory,
  type Recomputation,
  unequal,
} from "../fold/index.ts";
import { compareGradients } from "./gradients.ts";
import { referencePolicy } from "./learn-again.ts";
import type { Sample } from "./sample.ts";
import { TurnSampler } from "./turns.ts";

/** What computes. */
export interface RecomputeParts<S> {
  readonly environment: Environment;
  /** Null where a server sampled: its tokens are its own, and cannot be computed again. */
  readonly rollout: { readonly encoder: Encoder; readonly sampler: PolicySampler } | null;
  readonly trainer: PolicyTrainer;
  readonly optimizer: PolicyOptimizer<S>;
  /** Null: tool calls are left as they are recorded. */
  readonly tools: Pick<ToolExecutor, "execute"> | null;
  readonly readBlob: (name: HashName) => Promise<Uint8Array | null>;
  /** True on the run's own numeric class: everything must come out to the bit. */
  readonly exact: boolean;
  readonly sample: Sample;
}

/** A recomputation of the run that `started`. */
export async function recomputation<S>(
  started: EventData<"run.started">,
  config: RunConfig,
  parts: RecomputeParts<S>,
): Promise<Recomputation<S> & { readonly parted: () => number }> {
  const { environment, rollout, tools, sample, readBlob, exact } = parts;
  const limits = trajectoryLimits(config);
  const { seed } = config.run;
  const kept = await keptOf(started, readBlob);
  const turns =
    rollout && new TurnSampler({ seed, limits, kept, sampler: rollout.sampler, readBlob, exact });
  const reference = await referencePolicy({ ...parts, config }, started);
  return {
    words: rollout && { environment, encoder: rollout.encoder, limits },
    parted: () => turns?.parted ?? 0,
    async turns({ name }, trajectories, findings) {
      const chosen = trajectories.filter((_, index) =>
        sample(`turns ${name}`, index, trajectories.length),
      );
      await turns?.compare(chosen, findings);
      if (tools !== null) await compareTools(tools, chosen, findings);
    },
    async learn(learned, trajectories, start, findings) {
      const { step } = learned.batch.data;
      if (!sample("gradients", step - 1, config.run.steps)) return null;
      const state = await compareGradients(
        { ...parts, config, reference },
        learned,
        trajectories,
        start,
        findings,
      );
      // Weights of another numeric class are near and not equal: the next step starts from stored.
      return exact ? state : null;
    },
  };
}

/** Carries the tool calls of trajectories out again. */
async function compareTools(
  tools: Pick<ToolExecutor, "execute">,
  trajectories: readonly FoldedTrajectory[],
  findings: Findings,
): Promise<void> {
  await Promise.all(
    trajectories.flatMap(({ calls, sampling }) =>
      calls.map(async ({ call: { tool, input, image }, answer }) => {
        const request = { tool, input, image, tools: sampling.tools };
        const again = await tools.execute(request);
        const { cause, text, image: output } = answer.data;
        const given = { cause: again.cause, text: again.text, image: again.image };
        const reason = unequal({ cause, text, image: output }, given);
        findings.compare("tools", answer, reason && `the tool called again: ${reason}`);
      }),
    ),
  );
}
