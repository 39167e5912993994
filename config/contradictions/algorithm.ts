// What `[learner]` and a step cannot be together: losses, advantages, KL, length.
import { groupsPlayed } from "../algorithm-schema.ts";
import { rewardNames } from "../reward-schema.ts";
import type { RunConfig } from "../run-schema.ts";
import type { Fault } from "./fault.ts";

/** One event names the advantage of every turn of a step (`gigpo`). */
const turnsPerStepMax = 16_384;
/** One request names every part of every reward of a step (`gdpo`), and has 768 KiB at most. */
const rewardPartsPerStepMax = 12_288;
/** Choices that do not go together, and keys that would have no effect. */
export function algorithmContradictions(config: RunConfig): Fault[] {
  const { learner, rollout } = config;
  const faults: Fault[] = [];
  if (learner.decay !== undefined && learner.finalShare === 1) {
    const message = "has no effect: final_share = 1 keeps the rate constant";
    faults.push([["learner", "decay"], message]);
  }
  if (rollout.oversampling > 1 && learner.kl.type !== "none") {
    const message =
      "must be 1 with a KL term: groups without spread are learned from too, and none is replaced";
    faults.push([["rollout", "oversampling"], message]);
  }
  return [
    ...faults,
    ...estimatorContradictions(config),
    ...overlongContradictions(config),
    ...rewardKlContradictions(config),
  ];
}

/** What messages and events can hold of a step, and what goes with advantages of turns. */
function estimatorContradictions(config: RunConfig): Fault[] {
  const { learner, rollout, reward } = config;
  const { type } = learner.advantage;
  const faults: Fault[] = [];
  const trajectories = groupsPlayed(config) * rollout.samples;
  const parts = trajectories * (rewardNames(reward).length + reward.modules.length);
  if (type === "gdpo" && parts > rewardPartsPerStepMax) {
    const message = `"gdpo" is possible up to ${rewardPartsPerStepMax} parts of rewards a step: ${parts}`;
    faults.push([["learner", "advantage"], message]);
  }
  if (type !== "gigpo") return faults;
  const turns = trajectories * rollout.turnsMax;
  if (turns > turnsPerStepMax) {
    const message = `"gigpo" is possible up to ${turnsPerStepMax} turns a step: ${turns}`;
    faults.push([["learner", "advantage"], message]);
  }
  if (learner.loss.type === "gspo") {
    const message = '"gspo" gives all turns of a trajectory their mean, so "gigpo" has no effect';
    faults.push([["learner", "loss"], message]);
  }
  if (learner.shuffleAdvantages) {
    const message = 'has no meaning with "gigpo": turns cannot be exchanged';
    faults.push([["learner", "shuffleAdvantages"], message]);
  }
  return faults;
}

function overlongContradictions({ learner: { overlong: limit }, rollout }: RunConfig): Fault[] {
  if (limit === undefined) return [];
  const { tokensMax, cacheTokens } = limit;
  if (cacheTokens > tokensMax) {
    const message = `is more than tokens_max (${tokensMax})`;
    return [[["learner", "overlong", "cacheTokens"], message]];
  }
  const sampled = rollout.turnsMax * rollout.turnTokensMax;
  if (tokensMax - cacheTokens < sampled) return [];
  const message = `has no effect: a trajectory samples ${sampled} tokens at most`;
  return [[["learner", "overlong"], message]];
}

/** What k1 in the reward needs: plain rewards, and the log-probs of every trajectory. */
function rewardKlContradictions({ learner }: RunConfig): Fault[] {
  if (learner.kl.type !== "k1-reward") return [];
  const faults: Fault[] = [];
  const { type } = learner.advantage;
  if (type === "gdpo" || type === "gigpo") {
    const message = `"k1-reward" needs an advantage of whole rewards, not "${type}"`;
    faults.push([["learner", "kl"], message]);
  }
  if (learner.maskTruncated) {
    const message = 'must be false with kl = "k1-reward": it needs every trajectory\'s log-probs';
    faults.push([["learner", "maskTruncated"], message]);
  }
  if (learner.shuffleAdvantages) {
    const message = 'must be false with kl = "k1-reward", which computes them again';
    faults.push([["learner", "shuffleAdvantages"], message]);
  }
  return faults;
}
