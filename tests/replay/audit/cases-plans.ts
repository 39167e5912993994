// Tampering with the plan and with trajectories.
import { noBlob } from "./forge.ts";
import { type Case, type Data, find, insert, isTraining, remove, set } from "./tampering.ts";

export const planCases: readonly Case[] = [
  // The plan.
  ["a step's number", "plans", /is planned after step 0/, set("step.planned", () => ({ step: 2 }))],
  [
    "a step that is planned twice",
    "plans",
    /was planned before/,
    (record) => insert(record, find(record, "step.planned"), find(record, "step.planned")),
  ],
  [
    "a step that is planned ahead of the policy it is played with",
    "plans",
    /step 2 is planned after step 0 was learned, the policy lag is 0/,
    (record) => {
      const second = find(record, "step.planned", 1);
      remove(record, second);
      const copy = structuredClone(second);
      const learned = find(record, "gradient.computed");
      record.events.splice(record.events.indexOf(learned), 0, copy);
      return copy;
    },
  ],
  [
    "a step that was never planned",
    "trajectories",
    /no step or evaluation has planned it/,
    (record) => {
      remove(record, find(record, "step.planned", 2));
      return find(record, "trajectory.started", 0, ({ stream }) => stream.includes("/3."));
    },
  ],
  [
    "an evaluation's number",
    "plans",
    /it is evaluation 5/,
    set("evaluation.planned", () => ({ evaluation: 5 })),
  ],
  [
    "an evaluation's tasks",
    "plans",
    /4 tasks were planned, not 3/,
    set("evaluation.started", ({ tasks }) => ({ tasks: (tasks as unknown[]).slice(1) })),
  ],
  [
    "how an evaluation samples",
    "plans",
    /it samples otherwise/,
    set("evaluation.started", ({ sampling }) => ({
      sampling: { ...(sampling as Data), greedy: true },
    })),
  ],
  [
    "how many steps there were",
    "plans",
    /it says 7 steps/,
    set("run.completed", () => ({ steps: 7 })),
  ],
  [
    "the last policy",
    "plans",
    /the policy in force is/,
    set("run.completed", () => ({ policy: noBlob })),
  ],
  [
    "a run that goes on after its end",
    "plans",
    /the run has ended/,
    (record) => {
      const last = find(record, "run.completed");
      return insert(record, last, last);
    },
  ],
  [
    "a run that begins twice",
    "plans",
    /the run began before/,
    (record) => insert(record, find(record, "run.started"), find(record, "run.started")),
  ],
  // Trajectories.
  [
    "a trajectory's task",
    "trajectories",
    /it plays the task other/,
    set("trajectory.started", () => ({ task: "other" }), 20),
  ],
  [
    "how a trajectory samples",
    "trajectories",
    /it samples otherwise/,
    set("trajectory.started", () => ({ sampling: { temperature: 2, greedy: false, tools: true } })),
  ],
  [
    "a trajectory more than planned",
    "trajectories",
    /its group has 6 samples/,
    (record) => {
      const first = find(record, "trajectory.started", 0, isTraining);
      const copy = insert(record, first, first);
      copy.stream = copy.stream.replace(/\.0$/, ".6");
      return copy;
    },
  ],
  [
    "a turn's number",
    "trajectories",
    /it is of turn 5, not of 0/,
    set("turn.sampled", () => ({ turn: 5 })),
  ],
  [
    "a turn more",
    "trajectories",
    /it comes while the trajectory is|it is of turn|has ended/,
    (record) => {
      const turn = find(record, "turn.sampled", 3);
      return insert(record, turn, turn);
    },
  ],
  [
    "a turn after the end",
    "trajectories",
    /the trajectory has ended/,
    (record) => {
      const end = find(record, "trajectory.ended");
      const turn = find(record, "turn.sampled", 0, ({ stream }) => stream === end.stream);
      return insert(record, turn, end);
    },
  ],
  [
    "a call that is left out",
    "trajectories",
    /it comes while the trajectory is acting/,
    (record) => {
      const call = find(record, "tool.called");
      const answer = record.events.filter(({ cause }) => cause === call.id);
      remove(record, call);
      // Else what names the call as its cause would already be found by that.
      for (const event of answer) event.cause = call.cause;
      return find(record, "tool.returned", 0, ({ stream }) => stream === call.stream);
    },
  ],
  [
    "a call that its answer still names",
    "causes",
    /no earlier event is its cause/,
    (record) => {
      const call = find(record, "tool.called");
      remove(record, call);
      return find(record, "tool.returned", 0, ({ stream }) => stream === call.stream);
    },
  ],
  [
    "what a program works on",
    "trajectories",
    /the latest image is/,
    set("tool.called", (_, { blobs }) => ({ image: [...blobs.keys()][0] }), 2),
  ],
  [
    "which tool answers",
    "trajectories",
    /search returns, python was called/,
    set("tool.returned", () => ({ tool: "search" })),
  ],
  [
    "how many turns there were",
    "trajectories",
    /it says 9 turns/,
    set("trajectory.ended", () => ({ turns: 9 }), 4),
  ],
  [
    "how many calls there were",
    "trajectories",
    /it says 9 calls/,
    set("trajectory.ended", () => ({ calls: 9 }), 4),
  ],
  [
    "an end without its answer",
    "trajectories",
    /it ended as answered, without an answer/,
    (record) => {
      const end = find(record, "trajectory.ended", 0, ({ data }) => data["cause"] === "answered");
      end.data["answer"] = null;
      return end;
    },
  ],
  [
    "a turn beyond what the run allows",
    "trajectories",
    /it has 5 tokens, the run allows 4/,
    set("turn.sampled", () => ({ ids: new Int32Array(5), logProbs: new Float32Array(5) })),
  ],
];
