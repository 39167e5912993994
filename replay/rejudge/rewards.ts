// Rewards beside each other: as they are recorded, and as another reward has them. Whatever is
// measured is measured by the run's own book of rewards, and weighed by its own judge.
import { decideJudge, judgeMachine, type OpenRewards } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { assert, type EventData, streams } from "../../events/index.ts";
import { initialState } from "../../runtime/index.ts";
import { type Book, type Findings, type FoldedTrajectory, foldCommands } from "../fold/index.ts";

/** What a trajectory was paid, and for what. */
export type Reward = EventData<"reward.assigned">;

/** The recorded reward of a trajectory; null where it has none. */
export type RecordedRewards = (trajectory: string) => Reward | null;

/** Reads the rewards of a run. */
export async function recordedRewards(
  book: Book,
  run: string,
  findings: Findings,
): Promise<RecordedRewards> {
  const stream = streams.judge(run);
  const folded = foldCommands(judgeMachine, stream, await book.read(stream), findings);
  const rewards = new Map<string, Reward>();
  for (const { data } of folded.commands.flatMap(({ events }) => events)) {
    const reward = data as Reward;
    rewards.set(reward.trajectory, reward);
  }
  return (trajectory) => rewards.get(trajectory) ?? null;
}

/** What another reward pays for the trajectories of a step, in their order. */
export async function judgeAgain(
  rewards: Pick<OpenRewards["rewards"], "measure" | "settle">,
  settings: RunConfig["reward"],
  trajectories: readonly FoldedTrajectory[],
): Promise<readonly Reward[]> {
  const measured = await Promise.all(
    trajectories.map(async ({ stream, context, task }) => ({
      outcome: await rewards.measure(stream, context, task),
      task,
    })),
  );
  const outcomes = await rewards.settle(measured);
  const command = { id: "rejudge", type: "judge", outcomes } as const;
  const decision = decideJudge(settings)(command, initialState(judgeMachine, "rejudge"));
  assert("events" in decision, "nothing was judged by this reward before");
  return decision.events.map(({ data }) => data as Reward);
}
