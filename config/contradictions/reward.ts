// What rewards cannot be, beside the tasks and the evaluations of their run.
import { rewardNames } from "../reward-schema.ts";
import type { RunConfig } from "../run-schema.ts";
import type { Fault } from "./fault.ts";

/** What a reward cannot be, and keys that would have no effect. */
export function rewardContradictions({
  reward: given,
  tasks,
  determinism,
  evaluation,
  run,
}: RunConfig): Fault[] {
  const faults: Fault[] = [];
  const names = rewardNames(given).map(String);
  if (names.length + given.modules.length === 0) {
    faults.push([["reward"], "has no component: nothing would be learned"]);
  }
  for (const [index, { name }] of given.modules.entries()) {
    const taken =
      names.includes(name) || given.modules.slice(0, index).some((o) => o.name === name);
    if (taken) {
      const message = `"${name}" is the name of another component already`;
      faults.push([["reward", "modules", index, "name"], message]);
    }
  }
  const steps = tasks.type === "mixture" ? tasks.sources : [tasks];
  const hasSteps = steps.some((one) => one.type === "visual-arft-training" && one.play === "steps");
  if (given.stepAccuracy !== undefined && !hasSteps) {
    const message = 'has no effect: no source of tasks has play = "steps"';
    faults.push([["reward", "stepAccuracy"], message]);
  }
  if (given.stepAccuracy?.mode === "reference" && given.stepAccuracy.cut !== undefined) {
    const message = 'has no effect with mode = "reference", which cuts at 0.5';
    faults.push([["reward", "stepAccuracy", "cut"], message]);
  }
  if (given.judge !== undefined && determinism === "strict") {
    const message =
      'must be "tolerance" with reward.judge: what a server says is recorded, but nobody can say ' +
      "that it would say it again";
    faults.push([["determinism"], message]);
  }
  return [...faults, ...correctionFaults(given, evaluation, run.steps)];
}

/** A baseline is played before it is asked, without tools, over what is trained on. */
function correctionFaults(
  { correction }: RunConfig["reward"],
  { sets }: Pick<RunConfig["evaluation"], "sets">,
  steps: number,
): Fault[] {
  const { baselineSets: names, baselineFile } = correction ?? {};
  if (names === undefined) return [];
  const place = ["reward", "correction", "baselineSets"] as const;
  if (baselineFile !== undefined) return [[place, "has no effect beside baseline_file"]];
  // What teaches nothing compares with nothing: a continued trajectory has its run's reward.
  if (steps === 0) return [];
  return names.flatMap((name, index): Fault[] => {
    const found = sets.find((set) => set.name === name);
    const says = (message: string): Fault[] => [[[...place, index], message]];
    if (found === undefined) return says(`is "${name}": no evaluation set has this name`);
    const fix = baselineMend(found);
    return fix === null ? [] : says(`is "${name}", an evaluation set that needs ${fix}`);
  });
}

function baselineMend({ when, mode, set }: RunConfig["evaluation"]["sets"][number]): string | null {
  if (!when.includes("before")) return 'when = ["before"]';
  if (mode !== "direct" && mode !== "cot") return 'mode = "direct" (or "cot"): no tool is called';
  if (/^(?:[^/]+\/)?training$/.test(set)) return null;
  return 'set = "training", or "SOURCE/training" of a mixture';
}
