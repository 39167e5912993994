// A trajectory is the one that was planned, and its turns and calls follow each other as they must,
// within the bounds of the run.
import type { Book, TrajectoryFacts } from "../book.ts";
import { keptPolicy, planOfTrajectory } from "../book.ts";
import { type Check, type EventOf, firstFault } from "../check.ts";
import { settingsOf } from "../settings.ts";
import { sameSampling } from "./sampling.ts";

type TrajectoryType =
  | "trajectory.started"
  | "turn.sampled"
  | "tool.called"
  | "tool.returned"
  | "turn.prompted"
  | "trajectory.ended";

export const trajectories: Check<TrajectoryType> = {
  name: "trajectories",
  about: "turns, tool calls and ends follow each other, within the run's bounds",
  types: [
    "trajectory.started",
    "turn.sampled",
    "tool.called",
    "tool.returned",
    "turn.prompted",
    "trajectory.ended",
  ],
  fault(event, book) {
    const facts = book.trajectories.get(event.stream);
    if (event.type === "trajectory.started") {
      return facts === undefined ? startFault(event, book) : "the trajectory began before";
    }
    if (facts === undefined) return "its trajectory has not begun";
    return orderFault(event, facts) ?? boundFault(event, facts, book);
  },
};

function startFault({ stream, data }: EventOf<"trajectory.started">, book: Book): string | null {
  const planned = planOfTrajectory(book, stream);
  if (planned === null) return "no step or evaluation has planned it";
  const { name, plan } = planned;
  const task = plan.tasks[name.group];
  return firstFault(
    task === undefined && `its step has ${plan.tasks.length} groups`,
    name.sample >= plan.samples && `its group has ${plan.samples} samples`,
    data.task !== task && `it plays the task ${data.task}, ${task} was planned`,
    !sameSampling(data.sampling, plan.sampling) && "it samples otherwise than planned",
  );
}

/** What may come in which phase. */
const phases = {
  "turn.sampled": "sampling",
  "tool.called": "acting",
  "tool.returned": "calling",
  "turn.prompted": "acting",
  "trajectory.ended": "acting",
} as const;

type Following = EventOf<Exclude<TrajectoryType, "trajectory.started">>;

function orderFault(event: Following, facts: TrajectoryFacts): string | null {
  const phase = phases[event.type];
  if (facts.phase === "ended") return "the trajectory has ended";
  if (facts.phase !== phase) return `it comes while the trajectory is ${facts.phase}`;
  if (event.type === "trajectory.ended") return endFault(event, facts);
  const next = event.type === "turn.sampled" || event.type === "turn.prompted";
  const turn = next ? facts.turns : facts.turns - 1;
  return event.data.turn === turn ? null : `it is of turn ${event.data.turn}, not of ${turn}`;
}

function endFault({ data }: EventOf<"trajectory.ended">, facts: TrajectoryFacts): string | null {
  return firstFault(
    data.turns !== facts.turns && `it says ${data.turns} turns, there were ${facts.turns}`,
    data.calls !== facts.calls && `it says ${data.calls} calls, there were ${facts.calls}`,
    (data.answer === null) === (data.cause === "answered") &&
      `it ended as ${data.cause}, ${data.answer === null ? "without" : "with"} an answer`,
  );
}

function boundFault(event: Following, facts: TrajectoryFacts, book: Book): string | null {
  const { turnsMax, callsMax, turnTokensMax, contextTokensMax } = settingsOf(book);
  // What was kept of another run kept to the bounds of that one.
  const isKept = event.type !== "trajectory.ended" && keptPolicy(book, event.data.turn) !== null;
  switch (event.type) {
    case "turn.sampled": {
      if (isKept) return null;
      const { length } = event.data.ids;
      return firstFault(
        facts.turns >= turnsMax && `the run allows ${turnsMax} turns`,
        length > turnTokensMax && `it has ${length} tokens, the run allows ${turnTokensMax}`,
        facts.tokens + length > contextTokensMax &&
          `the context has ${facts.tokens + length} tokens, the run allows ${contextTokensMax}`,
      );
    }
    case "tool.called":
      return firstFault(
        facts.calls >= callsMax && !isKept && `the run allows ${callsMax} calls`,
        event.data.tool === "python" &&
          event.data.image !== facts.image &&
          `it works on ${event.data.image}, the latest image is ${facts.image}`,
      );
    case "tool.returned":
      return event.data.tool === facts.tool
        ? null
        : `${event.data.tool} returns, ${facts.tool} was called`;
    default:
      return null;
  }
}
