// A batch is made of the trajectories that its step planned, all of them judged, each with its own
// reward; minibatches deal out what was not dropped, once.
import { type EventData, parseTrajectory } from "../../../events/index.ts";
import type { Book, PlanFacts } from "../book.ts";
import { type Check, firstFault } from "../check.ts";
import { type AuditSettings, settingsOf } from "../settings.ts";

type Batch = EventData<"batch.assembled">;

export const batches: Check<"batch.assembled"> = {
  name: "batches",
  about: "batches hold the planned trajectories, judged once, with their rewards",
  types: ["batch.assembled"],
  fault({ data }, book) {
    const plan = book.plans.get(data.step);
    if (plan === undefined) return `step ${data.step} was not planned`;
    return firstFault(
      data.step !== book.learned + 1 && `it is of step ${data.step} after step ${book.learned}`,
      book.batch !== null && `the batch of step ${book.batch.data.step} was not learned`,
      membersFault(data, plan, book),
      minibatchesFault(data, settingsOf(book)),
    );
  },
};

function membersFault(data: Batch, plan: PlanFacts, book: Book): string | null {
  const { trajectories, rewards, advantages } = data;
  const wanted = plan.tasks.length * plan.samples;
  if (trajectories.length !== wanted) {
    return `it has ${trajectories.length} trajectories, ${wanted} were planned`;
  }
  if (rewards.length !== wanted || advantages.length !== wanted) {
    return `${wanted} trajectories have ${rewards.length} rewards and ${advantages.length} advantages`;
  }
  for (const [index, stream] of trajectories.entries()) {
    const name = parseTrajectory(stream);
    const place = Math.floor(index / plan.samples);
    const isPlanned =
      name?.run === book.run?.run &&
      name?.step === data.step &&
      name.group === place &&
      name.sample === index % plan.samples;
    if (!isPlanned) return `its trajectory ${index} is ${stream}, which has no place there`;
    const reward = book.trajectories.get(stream)?.reward ?? null;
    if (reward === null) return `${stream} was not judged`;
    if (Math.fround(reward) !== rewards[index]) {
      return `it gives ${stream} the reward ${rewards[index]}, the judge gave ${reward}`;
    }
  }
  return null;
}

function minibatchesFault(data: Batch, settings: AuditSettings): string | null {
  const left = [...data.droppedGroups, ...(data.surplusGroups ?? [])];
  const dropped = new Set(left);
  const isKept = data.trajectories.map(
    (stream) => !dropped.has(parseTrajectory(stream)?.group ?? -1),
  );
  const dealt = new Set<number>();
  for (const [number, members] of data.minibatches.entries()) {
    for (const index of members) {
      const fault = memberFault(index, isKept, dealt);
      if (fault !== null) return `minibatch ${number}: ${fault}`;
      dealt.add(index);
    }
  }
  const kept = isKept.filter(Boolean).length;
  return firstFault(
    dropped.size !== left.length && "a group is dropped twice",
    // Trajectories that a limit cut off may be left out.
    dealt.size !== kept &&
      !settings.maskTruncated &&
      `${dealt.size} of ${kept} trajectories are in a minibatch`,
    data.minibatches.length > settings.minibatches &&
      `it has ${data.minibatches.length} minibatches, the run allows ${settings.minibatches}`,
  );
}

function memberFault(
  index: number,
  isKept: readonly boolean[],
  dealt: ReadonlySet<number>,
): string | null {
  if (isKept[index] === undefined) return `it names a trajectory ${index}`;
  if (!isKept[index]) return `it holds trajectory ${index} of a dropped group`;
  return dealt.has(index) ? `trajectory ${index} is dealt out twice` : null;
}
