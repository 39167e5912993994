// What sources of tasks and protocols cannot do together.
import type { RunConfig } from "../run-schema.ts";
import { protocolOf, sourcesOf, type TaskSourceConfig } from "../tasks-schema.ts";
import type { Fault } from "./fault.ts";

/** What sources and protocols cannot do together. */
export function taskContradictions(config: RunConfig): Fault[] {
  const { rollout, run } = config;
  const faults: Fault[] = [...mixtureFaults(config)];
  const protocol = protocolOf(config);
  const steps = sourcesOf(config.tasks).some(isOfSteps);
  if (steps && rollout.turnsMax !== 1) {
    const message = 'must be 1 where tasks are single steps (play = "steps")';
    faults.push([["rollout", "turnsMax"], message]);
  }
  if (steps && protocol === "short") {
    const message = 'must be "chat" or "reference": a teacher\'s steps follow its instructions';
    faults.push([["rollout", "protocol"], message]);
  }
  if (protocol === "reference" && run.steps > 0 && rollout.turnsMax > 1) {
    const message =
      'is "reference", in which a turn does not go on from the last one: it is for evaluations ' +
      '(run.steps = 0) and for single steps (rollout.turns_max = 1); several turns are trained in "chat"';
    faults.push([["rollout", "protocol"], message]);
  }
  return faults;
}

const isOfSteps = (one: TaskSourceConfig): boolean =>
  one.type === "visual-arft-training" && one.play === "steps";

function mixtureFaults({ tasks: given, run }: RunConfig): Fault[] {
  if (given.type !== "mixture") return [];
  const faults: Fault[] = [];
  const names = new Set<string>();
  for (const [index, { name }] of given.sources.entries()) {
    const place = ["tasks", "sources", index, "name"];
    if (names.has(name)) faults.push([place, `"${name}" is the name of another source already`]);
    names.add(name);
  }
  if (run.steps > 0 && given.sources.every(({ weight }) => weight === 0)) {
    faults.push([["tasks", "sources"], "have no weight above 0, so there is nothing to train on"]);
  }
  return faults;
}
