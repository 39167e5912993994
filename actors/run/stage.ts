// Has a step or an evaluation performed: cast, played, measured, judged. Everything here may happen
// again after a restart; what was recorded is found and not repeated.
import {
  assert,
  type EventData,
  type EventEnvelope,
  type HashName,
  parseTrajectory,
  type RewardComponent,
  sha256Hex,
  streams,
  type Task,
} from "../../events/index.ts";
import type { ActorHost } from "../../runtime/index.ts";
import { EvidenceError } from "../errors.ts";
import {
  cutEvenly,
  type FactNeeds,
  type JudgedTrajectory,
  judgedTrajectories,
} from "../learner/index.ts";
import type { LearnOrder, Messenger, PlayOrder } from "../protocol.ts";
import type { JudgeCommand, judgeMachine, Outcome, RewardBook } from "../reward-judge/index.ts";
import { foldTrajectory } from "../rollout/index.ts";
import { castGroups, isTaken, orderTimeoutMs, Reminders, untilChange } from "./casting.ts";
import type { Crew, Member } from "./crew.ts";
import type { Watch, WatchedLedger } from "./watch.ts";

/** Trajectories that are judged by one command. */
const outcomesPerCommandMax = 64;

export interface StageParts {
  readonly run: string;
  readonly ledger: WatchedLedger;
  readonly crew: Crew;
  readonly watch: Watch;
  readonly messenger: Messenger;
  readonly judge: Pick<ActorHost<typeof judgeMachine, JudgeCommand>, "tell">;
  readonly rewards: Pick<RewardBook, "measure" | "settle">;
}

/** A trajectory that was played and judged. */
export interface Performance extends Place, Outcome {
  readonly reward: number;
  readonly components: readonly RewardComponent[];
}

interface Place {
  readonly stream: string;
  readonly group: number;
  readonly sample: number;
  readonly task: Task;
}

type Recorded = ReadonlyMap<string, EventData<"reward.assigned">>;

export class Stage {
  readonly #parts: StageParts;
  #recorded: Promise<Recorded> | null = null;

  constructor(parts: StageParts) {
    this.#parts = parts;
  }

  /** Plays all groups of `order` and judges them, ordered by (group, sample). */
  async perform(order: PlayOrder, signal: AbortSignal): Promise<readonly Performance[]> {
    const places = placesOf(this.#parts.run, order);
    const recorded = await this.#recordedBefore(order);
    const outcomes = new Map<string, Promise<Outcome>>();
    await this.#play(
      order,
      places,
      (place) => {
        const measured = this.#measure(place, recorded);
        measured.catch(() => {}); // awaited below; until then it must not end the process
        outcomes.set(place.stream, measured);
      },
      signal,
    );
    const measured = await Promise.all(
      places.map(async ({ stream, task }) => {
        const outcome = await outcomes.get(stream);
        assert(outcome !== undefined, `${stream} was measured`);
        return { outcome, task };
      }),
    );
    const settled = await this.#parts.rewards.settle(measured);
    const rewards = await this.#judge(order, settled);
    return places.map((place, index) => {
      const outcome = settled[index];
      const reward = rewards.get(place.stream);
      assert(outcome !== undefined && reward !== undefined, `${place.stream} was judged`);
      return { ...place, ...outcome, ...reward };
    });
  }

  /** What the learner is told of performances, by what its settings need. */
  async judged(
    performances: readonly Performance[],
    needs: FactNeeds,
  ): Promise<JudgedTrajectory[]> {
    const { ledger } = this.#parts;
    const read = async (performance: Performance) => {
      const isRead = needs.lengths || needs.states;
      return { ...performance, events: isRead ? await ledger.readStream(performance.stream) : [] };
    };
    return judgedTrajectories(await Promise.all(performances.map(read)), needs);
  }

  /** Has the learner take the step; resolves with what it recorded. */
  async learn(order: LearnOrder, signal: AbortSignal): Promise<EventData<"policy.updated">> {
    const { crew, messenger, watch } = this.#parts;
    return untilDone(
      signal,
      (ending) => watch.untilUpdated(order.step, ending),
      (ending) => keepOrdering(crew, messenger, order, ending),
    );
  }

  async #play(
    order: PlayOrder,
    places: readonly Place[],
    onEnded: (place: Place) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { crew, messenger, watch } = this.#parts;
    const byStream = new Map(places.map((place) => [place.stream, place]));
    const open = new Map<number, number>();
    for (const { group } of places) open.set(group, (open.get(group) ?? 0) + 1);
    const settle = (stream: string): void => {
      const place = byStream.get(stream);
      assert(place !== undefined, `${stream} is part of the order`);
      open.set(place.group, (open.get(place.group) ?? 0) - 1);
      onEnded(place);
    };
    const isOpen = (group: number) => (open.get(group) ?? 0) > 0;
    await untilDone(
      signal,
      (ending) => watch.untilEnded([...byStream.keys()], settle, ending),
      (ending) => castGroups(crew, messenger, order, isOpen, ending),
    );
  }

  async #measure({ stream, task }: Place, recorded: Recorded): Promise<Outcome> {
    const events = await this.#parts.ledger.readStream(stream);
    const context = foldTrajectory(stream, events);
    return this.#parts.rewards.measure(stream, context, task, recorded.get(stream));
  }

  /** What an earlier head judged of `order`: nobody is asked about that again. */
  #recordedBefore({ step }: PlayOrder): Promise<Recorded> {
    this.#recorded ??= this.#recordedFrom(step);
    return this.#recorded;
  }

  /** The rewards of the first order and, where steps were played ahead, of those after it. */
  async #recordedFrom(first: PlayOrder["step"]): Promise<Recorded> {
    const events = await this.#rewardEvents(streams.judge(this.#parts.run));
    const rewards = events.map(({ data }) => data as EventData<"reward.assigned">);
    const isOpen = (step: unknown) =>
      step === first || (typeof step === "number" && typeof first === "number" && step > first);
    const open = rewards.filter(({ trajectory }) => isOpen(parseTrajectory(trajectory)?.step));
    return new Map(open.map((reward) => [reward.trajectory, reward]));
  }

  /**
   * Judges in the order of the plan, so that the judge's stream is the same wherever they played.
   */
  async #judge(
    { step }: PlayOrder,
    outcomes: readonly Outcome[],
  ): Promise<ReadonlyMap<string, Pick<Performance, "reward" | "components">>> {
    const stream = streams.judge(this.#parts.run);
    const rewards = new Map<string, Pick<Performance, "reward" | "components">>();
    const note = (events: readonly EventEnvelope[]): void => {
      for (const { data } of events) {
        const { trajectory, reward, components } = data as EventData<"reward.assigned">;
        rewards.set(trajectory, { reward, components });
      }
    };
    const chunks = cutEvenly(outcomes, Math.ceil(outcomes.length / outcomesPerCommandMax) || 1);
    for (const [index, chunk] of chunks.entries()) {
      const id = sha256Hex(`judge ${this.#parts.run} ${step} ${index}`);
      const outcome = await this.#parts.judge.tell(stream, { id, type: "judge", outcomes: chunk });
      if (outcome.status === "rejected") throw new EvidenceError(outcome.reason);
      note(outcome.events);
    }
    if (rewards.size < outcomes.length) note(await this.#rewardEvents(stream));
    return rewards;
  }

  async #rewardEvents(stream: string): Promise<readonly EventEnvelope[]> {
    const events = await this.#parts.ledger.readStream(stream);
    return events.filter(({ type }) => type === "reward.assigned");
  }
}

/** The trajectories of an order, by (group, sample). */
function placesOf(run: string, { step, samples, groups }: PlayOrder): Place[] {
  return groups.flatMap(({ group, task }) =>
    Array.from({ length: samples }, (_, sample) => ({
      stream: streams.trajectory(run, step, group, sample),
      group,
      sample,
      task,
    })),
  );
}

/**
 * What `wait` gives. `drive` works towards it until then; its failure, or the end of `signal`, ends
 * both.
 */
async function untilDone<T>(
  signal: AbortSignal,
  wait: (ending: AbortSignal) => Promise<T>,
  drive: (ending: AbortSignal) => Promise<void>,
): Promise<T> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const done = wait(both);
  const driven = drive(both);
  try {
    return await Promise.race([done, driven.then(() => done)]);
  } finally {
    ending.abort();
    done.catch(() => {});
    driven.catch(() => {});
  }
}

/** Gives the order to the learner, and again to each that takes its place, until aborted. */
async function keepOrdering(
  crew: Crew,
  messenger: Messenger,
  order: LearnOrder,
  signal: AbortSignal,
): Promise<void> {
  let ordered = 0;
  const reminders = new Reminders();
  let isTimeToRemind = false;
  const send = ({ address, gone }: Member) => {
    const options = { timeoutMs: orderTimeoutMs, signal: AbortSignal.any([signal, gone]) };
    return messenger.ask(address, "learn", order, options);
  };
  while (!signal.aborted) {
    const { change } = crew;
    const [learner] = crew.live("learner");
    if (learner !== undefined && learner.life !== ordered) {
      if (await isTaken(send(learner), signal)) ordered = learner.life;
    } else if (learner !== undefined && isTimeToRemind) {
      reminders.give(learner.life, () => send(learner));
    }
    isTimeToRemind = await untilChange(change, ordered !== learner?.life, signal);
  }
}

/** The hash of the policy that a performance was planned with, for the order. */
export function orderOf(
  step: PlayOrder["step"],
  policy: HashName,
  sampling: PlayOrder["sampling"],
  samples: number,
  tasks: readonly Task[],
): PlayOrder {
  const groups = tasks.map((task, group) => ({ group, task }));
  return { step, policy, sampling, samples, groups };
}
