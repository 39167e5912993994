// The actors that the head hosts: Run, its evaluations and RewardJudge.
import { batchSettings, groupsPlayed } from "../config/index.ts";
import { afterStep, assert } from "../events/index.ts";
import { ActorHost, defineActor, type HostFault } from "../runtime/index.ts";
import type { HeadOptions } from "./head-options.ts";
import { factNeeds } from "./learner/index.ts";
import { headActor } from "./protocol.ts";
import { decideJudge, judgeMachine } from "./reward-judge/index.ts";
import {
  decideEvaluation,
  decideRun,
  evaluationMachine,
  pixelErrorRepairedMax,
  runEffects,
  runMachine,
  runRules,
  type Stage,
  type Watch,
} from "./run/index.ts";

export function runHost(
  { address, ledger, config, initial, tasks, pixelErrorMax }: HeadOptions,
  stage: Stage,
  evaluations: ReturnType<typeof evaluationHost>,
  watch: Watch,
  onFault: (fault: HostFault) => void,
) {
  const rules = runRules(config, initial.parent);
  const { plan } = rules;
  const { step: first, earlier } = afterStep(initial) ?? { step: 0, earlier: [] };
  const actor = defineActor({
    type: "run",
    machine: runMachine,
    decide: decideRun(rules),
    effects: runEffects({
      run: address.run,
      plan,
      groups: groupsPlayed(config),
      facts: factNeeds(batchSettings(config)),
      tasks,
      putBlob: (bytes) => ledger.blobs.put(bytes),
      stage,
      evaluations,
      learned: () => ({
        step: watch.latest?.step ?? first,
        policy: watch.latest?.policyAfter ?? initial.policy,
        optimizer: watch.latest?.optimizerAfter ?? initial.optimizer,
      }),
      policyAfter: (step) => {
        const before = [initial.policy, ...earlier][first - step];
        const policy = before ?? watch.policyAfter(step);
        assert(policy !== null, `step ${step} was learned`);
        return policy;
      },
      policyLag: config.rollout.policyLag,
      pixelErrorMax: pixelErrorMax ?? pixelErrorRepairedMax,
    }),
  });
  return new ActorHost({ actor, ledger, holder: headActor, onFault });
}

export function judgeHost({ ledger, config }: HeadOptions, onFault: (fault: HostFault) => void) {
  const decide = decideJudge(config.reward);
  const actor = defineActor({ type: "reward-judge", machine: judgeMachine, decide, effects: {} });
  return new ActorHost({ actor, ledger, holder: headActor, onFault });
}

export function evaluationHost({ ledger }: HeadOptions, onFault: (fault: HostFault) => void) {
  const actor = defineActor({
    type: "evaluation",
    machine: evaluationMachine,
    decide: decideEvaluation,
    effects: {},
  });
  return new ActorHost({ actor, ledger, holder: headActor, onFault });
}
