// What some settings must know of a trajectory besides its reward: the parts of the reward, its
// length, the states that its turns were taken in. Read from its events alone, so that a replay
// comes to the same.
import {
  assert,
  type EventData,
  type EventEnvelope,
  type RewardComponent,
  sha256Hex,
} from "../../events/index.ts";
import type { BatchSettings, JudgedTrajectory } from "./batch.ts";

/** Which facts a batch needs. */
export interface FactNeeds {
  readonly parts: boolean;
  readonly lengths: boolean;
  readonly states: boolean;
}

/** A judged trajectory with what its facts are read from. */
export interface JudgedEvents
  extends Pick<JudgedTrajectory, "stream" | "group" | "sample" | "reward"> {
  readonly components: readonly RewardComponent[];
  /** Its stream; may be left empty where neither length nor states are needed. */
  readonly events: readonly EventEnvelope[];
}

/** The facts that a batch of these settings needs. */
export function factNeeds({ advantage, overlong, maskTruncated }: BatchSettings): FactNeeds {
  return {
    parts: advantage.type === "gdpo",
    lengths: overlong !== null || maskTruncated,
    states: advantage.type === "gigpo",
  };
}

/** The trajectories with the facts that are needed, and no other. */
export function judgedTrajectories(
  judged: readonly JudgedEvents[],
  needs: FactNeeds,
): JudgedTrajectory[] {
  const numbers = new Map<string, number>();
  return judged.map(({ stream, group, sample, reward, components, events }) => ({
    stream,
    group,
    sample,
    reward,
    ...(needs.parts ? { parts: components.map(partOf) } : {}),
    ...(needs.lengths ? lengthOf(stream, events) : {}),
    ...(needs.states ? { states: stateNumbers(group, events, numbers) } : {}),
  }));
}

const partOf = ({ name, value, weight }: RewardComponent) => [name, value, weight] as const;

/** How many tokens the model sampled, and whether a limit has cut the trajectory off. */
function lengthOf(stream: string, events: readonly EventEnvelope[]) {
  const turns = events.flatMap((event) => dataOf(event, "turn.sampled"));
  const [end] = events.flatMap((event) => dataOf(event, "trajectory.ended"));
  assert(end !== undefined, `${stream} has ended`);
  const tokens = turns.reduce((sum, { ids }) => sum + ids.length, 0);
  const limited = end.cause === "turn-limit" || end.cause === "context-limit";
  return { tokens, truncated: limited || turns.at(-1)?.finish === "length" };
}

/**
 * Per turn the number of its state within the group, in order of appearance. A state is what the
 * environment said last and the image that it showed last; what the model itself said before is no
 * part of it, so that trajectories which came to the same place by other words meet there.
 */
function stateNumbers(
  group: number,
  events: readonly EventEnvelope[],
  numbers: Map<string, number>,
): number[] {
  const states: number[] = [];
  let image = "";
  let state = "";
  for (const event of events) {
    const said = [...dataOf(event, "trajectory.started"), ...dataOf(event, "turn.prompted")];
    for (const { ids, images } of said) {
      image = images.at(-1) ?? image;
      state = sha256Hex(`${group} ${image} ${ids.join(" ")}`);
    }
    if (event.type !== "turn.sampled") continue;
    const number = numbers.get(state) ?? numbers.size;
    numbers.set(state, number);
    states.push(number);
  }
  return states;
}

function dataOf<
  T extends "trajectory.started" | "turn.prompted" | "turn.sampled" | "trajectory.ended",
>(event: EventEnvelope, type: T): [EventData<T>] | [] {
  return event.type === type ? [event.data as EventData<T>] : [];
}
