// What numbers of a run cannot be together.
import { groupsPlayed } from "../algorithm-schema.ts";
import { type RunConfig, tasksPerEventMax } from "../run-schema.ts";
import type { Fault } from "./fault.ts";

/** One event names all trajectories of a step. */
const trajectoriesPerStepMax = 2_048;

/** Counts that are too many for events and messages, and sets that ask for what nobody plays. */
export function runContradictions(config: RunConfig): Fault[] {
  const { rollout, learner, evaluation } = config;
  const found: Fault[] = [];
  const { turnTokensMax, contextTokensMax } = rollout;
  if (turnTokensMax >= contextTokensMax) {
    const message = `must be less than rollout.context_tokens_max (${contextTokensMax})`;
    found.push([["rollout", "turnTokensMax"], message]);
  }
  const groups = groupsPlayed(config);
  if (groups > tasksPerEventMax) {
    const message = `makes ${groups} groups of a step, at most ${tasksPerEventMax} are possible`;
    found.push([["rollout", "oversampling"], message]);
  }
  const trajectories = groups * rollout.samples;
  if (trajectories > trajectoriesPerStepMax) {
    const message = `times samples is ${trajectories}, at most ${trajectoriesPerStepMax} are possible`;
    found.push([["rollout", "prompts"], message]);
  }
  const learned = rollout.prompts * rollout.samples;
  if (learner.minibatches > learned) {
    const message = `is more than the ${learned} trajectories of a step`;
    found.push([["learner", "minibatches"], message]);
  }
  const names = new Set<string>();
  for (const [index, { name, greedy, samples }] of evaluation.sets.entries()) {
    const path = ["evaluation", "sets", index];
    if (names.has(name)) {
      found.push([[...path, "name"], `"${name}" is the name of another set already`]);
    }
    if (greedy && samples > 1) {
      const message = "must be 1 where greedy = true: every sample would be the same";
      found.push([[...path, "samples"], message]);
    }
    names.add(name);
  }
  const used = evaluation.sets.some(({ when }) => when.includes("every"));
  if (used !== evaluation.everySteps > 0) {
    const message = used
      ? 'is 0, but a set asks for when = ["every"]'
      : 'has no effect: no set asks for when = ["every"]';
    found.push([["evaluation", "everySteps"], message]);
  }
  return found;
}
