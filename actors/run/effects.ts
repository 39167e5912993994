// What the run does to the world: draws tasks, has steps played and learned, has evaluations made.
// Each effect is the long process of one item of the plan and ends in `advance`.
//
// 1. A step ends as soon as the policy of the next item is learned. With a policy lag that is
//    before the step itself is learned: the next ones are played meanwhile.
// 2. What was played ahead and not learned when a head ended is found in the run's state: it is
//    performed again, which finds everything recorded, and learned before what comes after.
import {
  assert,
  type EventData,
  type HashName,
  sha256Hex,
  streams,
  type Task,
} from "../../events/index.ts";
import type {
  ActorHost,
  EffectContext,
  EffectResult,
  Effects,
  Outcome,
} from "../../runtime/index.ts";
import type { TaskSource } from "../../tasks/index.ts";
import { EvidenceError } from "../errors.ts";
import type { FactNeeds, JudgedTrajectory } from "../learner/index.ts";
import type { RunCommand } from "./decide.ts";
import type { EvaluationCommand } from "./evaluation-decide.ts";
import type { evaluationMachine } from "./evaluation-machine.ts";
import { Learning } from "./learning.ts";
import type { ItemParams, runMachine } from "./machine.ts";
import type { PlanItem, PlannedEvaluation } from "./plan.ts";
import { orderOf, type Stage } from "./stage.ts";
import { type PlayedTask, summarize } from "./summary.ts";

type Machine = typeof runMachine;
type Context = EffectContext<Machine>;
type Result = EffectResult<RunCommand>;

export interface RunParts {
  readonly run: string;
  readonly plan: readonly PlanItem[];
  /** Groups that are played per step. */
  readonly groups: number;
  /** What the learner's settings need to know of a trajectory besides its reward. */
  readonly facts: FactNeeds;
  readonly tasks: TaskSource;
  readonly putBlob: (bytes: Uint8Array) => Promise<HashName>;
  readonly stage: Stage;
  readonly evaluations: Pick<ActorHost<typeof evaluationMachine, EvaluationCommand>, "tell">;
  /** The step that was learned last, and what came out; 0: what the run starts from. */
  readonly learned: () => {
    readonly step: number;
    readonly policy: HashName;
    readonly optimizer: HashName;
  };
  /** The policy that came out of a step, one of the latest; of step 0: the run's first. */
  readonly policyAfter: (step: number) => HashName;
  /** Steps that the policy of a step's rollouts lies behind the newest. */
  readonly policyLag: number;
  /** A repair is right up to this mean absolute pixel difference, 0–255. */
  readonly pixelErrorMax: number;
}

/** The effects of a run. */
export function runEffects(parts: RunParts): Effects<Machine, RunCommand> {
  const learning = new Learning();
  return {
    prepare: async ({ item }) => ({
      type: "advance",
      item,
      policy: policyOfNext(parts, item),
      tasks: await nextTasks(parts, item),
    }),
    playStep: (params, context) => playStep(parts, learning, params, context),
    playEvaluation: (params, context) => playEvaluation(parts, params, context),
  };
}

async function playStep(
  parts: RunParts,
  learning: Learning,
  { item }: ItemParams,
  { state: { context }, signal }: Context,
): Promise<Result> {
  // The next tasks are drawn meanwhile: drawing them takes no policy.
  const next = nextTasks(parts, item);
  next.catch(() => {});
  learning.begin();
  for (const planned of context.steps) {
    const { step } = planned;
    if (step <= parts.learned().step || learning.has(step)) continue;
    const trajectories = await learning.beside((ending) => perform(parts, planned, ending), signal);
    learning.add(step, () => learn(parts, planned, trajectories, signal));
  }
  const source = sourceOfNext(parts, item, context.steps.at(-1)?.step ?? 0);
  await learning.until(source);
  return { type: "advance", item, policy: parts.policyAfter(source), tasks: await next };
}

type PlannedStep = EventData<"step.planned">;

async function perform(
  { stage, facts }: RunParts,
  { step, policy, sampling, samples, tasks }: PlannedStep,
  signal: AbortSignal,
): Promise<JudgedTrajectory[]> {
  const order = orderOf(step, policy, sampling, samples, tasks);
  return stage.judged(await stage.perform(order, signal), facts);
}

async function learn(
  { stage, learned, policyLag }: RunParts,
  { step, policy: playedWith }: PlannedStep,
  trajectories: JudgedTrajectory[],
  signal: AbortSignal,
): Promise<void> {
  const { policy, optimizer } = learned();
  const played = policyLag === 0 ? {} : { played: playedWith };
  await stage.learn({ step, policy, optimizer, ...played, trajectories }, signal);
}

/**
 * The step whose policy the item after `item` is played with: the newest or, of a step, that of the
 * step before it or with a lag of an older one; 0: the run's first.
 */
function sourceOfNext({ plan, policyLag }: RunParts, item: number, newest: number): number {
  const next = plan[item + 1];
  return next?.kind === "step" ? Math.max(0, next.step - 1 - policyLag) : newest;
}

/** The policy of the item after `item`, where all before it is learned. */
function policyOfNext(parts: RunParts, item: number): HashName {
  return parts.policyAfter(sourceOfNext(parts, item, parts.learned().step));
}

async function playEvaluation(
  parts: RunParts,
  { item }: ItemParams,
  { state, signal }: Context,
): Promise<Result> {
  const planned = parts.plan[item];
  assert(planned?.kind === "evaluation", `item ${item} of the plan is an evaluation`);
  const policy = policyOf(state.context);
  const started = await beginEvaluation(parts, planned, policy);
  const { sampling, samples, tasks } = started;
  const order = orderOf(`e${planned.evaluation}`, policy, sampling, samples, tasks);
  const performances = await parts.stage.perform(order, signal);
  await endEvaluation(parts, planned, performances);
  const nextPolicy = policyOfNext(parts, item);
  return { type: "advance", item, policy: nextPolicy, tasks: await nextTasks(parts, item) };
}

async function beginEvaluation(
  { run, tasks, putBlob, evaluations }: RunParts,
  { evaluation, name, set, first, tasks: count, samples, sampling }: PlannedEvaluation,
  policy: HashName,
): Promise<EventData<"evaluation.started">> {
  const drawn = await storeTasks(putBlob, await tasks.evaluation(set, count, first));
  const started = { evaluation, name, policy, sampling, tasks: drawn, samples };
  const id = sha256Hex(`evaluate ${run} ${evaluation}`);
  const stream = streams.evaluation(run, evaluation);
  mustTake(await evaluations.tell(stream, { id, type: "evaluate", started }));
  return started;
}

async function endEvaluation(
  { run, evaluations, pixelErrorMax }: RunParts,
  { evaluation }: PlannedEvaluation,
  played: readonly PlayedTask[],
): Promise<void> {
  const id = sha256Hex(`summarize ${run} ${evaluation}`);
  const summary = summarize(played, pixelErrorMax);
  const stream = streams.evaluation(run, evaluation);
  mustTake(await evaluations.tell(stream, { id, type: "summarize", summary }));
}

/** The tasks of the item after `item`, their images stored; none where that is no step. */
async function nextTasks(parts: RunParts, item: number): Promise<readonly Task[]> {
  const next = parts.plan[item + 1];
  if (next?.kind !== "step") return [];
  const { groups, tasks, putBlob } = parts;
  return storeTasks(putBlob, await tasks.training((next.step - 1) * groups, groups));
}

async function storeTasks(
  putBlob: RunParts["putBlob"],
  drawn: Awaited<ReturnType<TaskSource["training"]>>,
): Promise<Task[]> {
  const images = drawn.flatMap(({ image, reference }) =>
    [image, reference].filter((bytes) => bytes !== null),
  );
  await Promise.all(images.map(putBlob));
  return drawn.map(({ task }) => task);
}

function policyOf({ policy }: Context["state"]["context"]): HashName {
  assert(policy !== null, "a run that was started has a policy");
  return policy;
}

function mustTake(outcome: Outcome): void {
  if (outcome.status === "rejected") throw new EvidenceError(outcome.reason);
}
