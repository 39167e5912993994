// The rewards of a run, judged again: measured by the run's own measure, weighed by its own reward.
import {
  type ComparePixels,
  decideJudge,
  type JudgedOutcome,
  judgeMachine,
  measure,
  recordedValues,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import {
  type EventData,
  type EventEnvelope,
  ensureError,
  parseTrajectory,
  streams,
} from "../../events/index.ts";
import type { Book } from "./book.ts";
import { compareDecision } from "./decided.ts";
import type { Findings } from "./findings.ts";
import { type FoldedCommand, foldCommands } from "./fold-commands.ts";
import type { FoldedTrajectory } from "./trajectory.ts";

type State = FoldedCommand<typeof judgeMachine>["before"];
type Reward = EventEnvelope<EventData<"reward.assigned">>;

interface Judgement {
  readonly event: Reward;
  /** Before the command that assigned it. */
  readonly before: State;
}

/** What the batch is made of. */
export type RecordedReward = Pick<EventData<"reward.assigned">, "reward" | "components">;

export interface JudgedAgain {
  /** As recorded, by trajectory. */
  readonly rewards: ReadonlyMap<string, RecordedReward>;
  /** As measured now; null where a trajectory has not ended. */
  readonly outcomes: readonly (JudgedOutcome | null)[];
}

export class Judge {
  readonly #findings: Findings;
  readonly #comparePixels: ComparePixels;
  readonly #decide: ReturnType<typeof decideJudge>;
  readonly #byStep = new Map<string, Judgement[]>();

  private constructor(config: RunConfig, comparePixels: ComparePixels, findings: Findings) {
    this.#findings = findings;
    this.#comparePixels = comparePixels;
    this.#decide = decideJudge(config.reward);
  }

  /** Folds the judge's stream. */
  static async open(
    book: Book,
    run: string,
    config: RunConfig,
    comparePixels: ComparePixels,
    findings: Findings,
  ): Promise<Judge> {
    const judge = new Judge(config, comparePixels, findings);
    const stream = streams.judge(run);
    const folded = foldCommands(judgeMachine, stream, await book.read(stream), findings);
    for (const { events, before } of folded.commands) {
      for (const event of events as readonly Reward[]) {
        const step = String(parseTrajectory(event.data.trajectory)?.step ?? "");
        const known = judge.#byStep.get(step) ?? [];
        known.push({ event, before });
        judge.#byStep.set(step, known);
      }
    }
    return judge;
  }

  /** Judges the trajectories of a step or an evaluation, which come in the order of the plan. */
  async replay(
    step: string,
    trajectories: readonly FoldedTrajectory[],
    compared: boolean,
  ): Promise<JudgedAgain> {
    const recorded = this.#byStep.get(step) ?? [];
    this.#byStep.delete(step);
    const outcomes = await Promise.all(trajectories.map((one) => this.#measure(one)));
    if (compared) {
      for (const [index, judgement] of recorded.entries()) {
        this.#compare(judgement, trajectories[index], outcomes[index] ?? null);
      }
    }
    const rewards = new Map(
      recorded.map(({ event: { data } }) => [data.trajectory, data] as const),
    );
    return { rewards, outcomes };
  }

  /** What was judged although nobody planned it. */
  leftOver(): void {
    for (const [{ event }] of this.#byStep.values() as Iterable<[Judgement]>) {
      this.#findings.compare("rewards", event, `${event.data.trajectory} is in no plan`);
    }
  }

  #compare(
    { event, before }: Judgement,
    planned: FoldedTrajectory | undefined,
    outcome: JudgedOutcome | null,
  ): void {
    const { trajectory } = event.data;
    if (trajectory !== planned?.stream) {
      const turn = planned === undefined ? "nobody" : planned.stream;
      const reason = `${trajectory} is judged where it is the turn of ${turn}`;
      this.#findings.compare("rewards", event, reason);
      return;
    }
    if (outcome === null) {
      this.#findings.compare("rewards", event, `${trajectory} has not ended`);
      return;
    }
    // What was measured with the world, or with the rest of a group, is a recorded fact.
    const { injected = false } = event.data;
    const settled = { ...outcome, values: recordedValues(event.data), injected };
    const command = { id: event.command, type: "judge", outcomes: [settled] } as const;
    compareDecision(this.#findings, "rewards", [event], this.#decide(command, before));
  }

  async #measure(one: FoldedTrajectory): Promise<JudgedOutcome | null> {
    if (one.context.end === null) return null;
    try {
      return await measure(one.stream, one.context, one.task, this.#comparePixels);
    } catch (thrown) {
      const place = { stream: one.stream, seq: 1 };
      this.#findings.compare("rewards", place, ensureError(thrown).message);
      return null;
    }
  }
}
