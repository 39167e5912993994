// A trajectory that has ended as rewards see it: what was asked, said, done and answered. It is
// also what a person's own reward module gets to see.
import { assert, type HashName, type Task } from "../../events/index.ts";
import type { Action, ParseAction, TrajectoryContext } from "../rollout/index.ts";

/** A turn of the model, and what a tool answered to it. */
export interface JudgedTurn {
  /** What the model said, its end token left out. */
  readonly text: string;
  /** What that asked for, as the run's protocol reads it. */
  readonly action: Action;
  readonly call: {
    readonly tool: "python" | "search";
    /** The program or the query. */
    readonly input: string;
    readonly image: HashName | null;
  } | null;
  readonly answer: {
    /** `ok`, or why there is no image. */
    readonly cause: string;
    readonly text: string;
    readonly image: HashName | null;
  } | null;
}

/** A trajectory that has ended. */
export interface Played {
  /** Its stream. */
  readonly trajectory: string;
  readonly task: Task;
  /** null: it ended without one. */
  readonly answer: string | null;
  /** Why it ended: `answered`, `malformed`, `turn-limit` or `context-limit`. */
  readonly cause: string;
  /** Tool calls that were answered. */
  readonly calls: number;
  readonly turns: readonly JudgedTurn[];
}

/** How turns are read. */
export interface ReadTurns {
  readonly decode: (ids: Int32Array) => string;
  readonly parseAction: ParseAction;
}

/** The trajectory that `context` was folded from. */
export function playedOf(
  trajectory: string,
  { end, calls, history, sampling }: TrajectoryContext,
  task: Task,
  { decode, parseAction }: ReadTurns,
): Played {
  assert(end !== null, `${trajectory} is judged once it has ended`);
  const turns = history.map(({ ids, call, answer }): JudgedTurn => {
    const text = decode(ids);
    return { text, action: parseAction(text, sampling?.mode), call, answer };
  });
  return { trajectory, task, answer: end.answer, cause: end.cause, calls, turns };
}
