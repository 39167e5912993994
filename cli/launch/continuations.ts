// The continuations of a trajectory beside the one that they continue: how each ended, what it
// answered and what it was paid.
import {
  beforeTurn,
  type EventData,
  type EventEnvelope,
  type Parent,
  parseTrajectory,
} from "../../events/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { NotFoundError } from "../errors.ts";
import { withRun } from "../run/index.ts";
import type { Colors } from "../terminal.ts";
import { short, tableLines } from "../text/index.ts";
import type { Results } from "./run-session.ts";

/** What became of a trajectory; null where it is not known yet. */
export interface Outcome {
  /** `STEP.GROUP.SAMPLE`, or `eN.GROUP.SAMPLE`. */
  readonly trajectory: string;
  readonly cause: string | null;
  readonly answer: string | null;
  readonly turns: number | null;
  readonly calls: number | null;
  readonly reward: number | null;
  /** Exact match, 0 or 1. */
  readonly em: number | null;
  readonly f1: number | null;
}

/** The outcomes of trajectories, from their events in any order of the streams. */
export class Outcomes {
  readonly #found = new Map<string, Outcome>();

  add({ type, stream, data }: EventEnvelope): void {
    if (type === "trajectory.started") this.#note(stream, {});
    else if (type === "trajectory.ended") {
      const { cause, answer, turns, calls } = data as EventData<"trajectory.ended">;
      this.#note(stream, { cause, answer, turns, calls });
    } else if (type === "reward.assigned") {
      const { trajectory, reward, em, f1 } = data as EventData<"reward.assigned">;
      this.#note(trajectory, { reward, em, f1 });
    }
  }

  /** By sample. */
  get all(): readonly Outcome[] {
    const sampleOf = ({ trajectory }: Outcome) => Number(trajectory.split(".").at(-1));
    return [...this.#found.values()].sort((a, b) => sampleOf(a) - sampleOf(b));
  }

  #note(stream: string, more: Partial<Outcome>): void {
    const trajectory = stream.slice(stream.lastIndexOf("/") + 1);
    const known = this.#found.get(stream) ?? { ...unknown, trajectory };
    this.#found.set(stream, { ...known, ...more });
  }
}

const unknown = {
  ...{ cause: null, answer: null, turns: null, calls: null },
  ...{ reward: null, em: null, f1: null },
};

/** The trajectory that a run continues, as its own run has it; null where that is not here. */
export async function originalOf(runs: string, parent: Parent): Promise<Outcome | null> {
  const at = beforeTurn({ parent });
  if (at === null) return null;
  try {
    return await withRun(runs, parent.run, (reader, run) =>
      outcomeOf(reader, `trajectory/${run}/${at.trajectory}`),
    );
  } catch (thrown) {
    if (thrown instanceof NotFoundError) return null;
    throw thrown;
  }
}

async function outcomeOf(reader: LedgerReader, stream: string): Promise<Outcome | null> {
  const run = parseTrajectory(stream)?.run ?? "";
  const outcomes = new Outcomes();
  for (const event of await reader.readStream(stream)) outcomes.add(event);
  for (const event of await reader.readStream(`judge/${run}`)) {
    const { trajectory } = event.data as EventData<"reward.assigned">;
    if (trajectory === stream) outcomes.add(event);
  }
  return outcomes.all[0] ?? null;
}

/** Both sides, as scripts read them. */
export function continuationsJson(
  parent: Parent,
  original: Outcome | null,
  continuations: readonly Outcome[],
) {
  return { parent: parentJson(parent), original, continuations };
}

/** Where a fork parted, as scripts read it. */
export function parentJson({ run, seq, hash, at }: Parent) {
  const place =
    at.type === "step" ? { step: at.step } : { trajectory: at.trajectory, turn: at.turn };
  return { run, ...place, seq, hash };
}

/** The same as a table, the original first. */
export function continuationLines(
  parent: Parent,
  original: Outcome | null,
  continuations: readonly Outcome[],
  colors: Colors,
): string[] {
  const at = beforeTurn({ parent });
  const header = ["", "trajectory", "turns", "calls", "cause", "answer", "right", "reward"];
  const first = original === null ? [] : [["original", ...cells(original)]];
  const rows = continuations.map((one, index) => [String(index + 1), ...cells(one)]);
  const [head = "", ...body] = tableLines(header, [...first, ...rows]);
  const better = continuations.filter(({ reward }) => (reward ?? 0) > (original?.reward ?? 0));
  const rewards = continuations.flatMap(({ reward }) => reward ?? []);
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / Math.max(1, rewards.length);
  const compared = original?.reward == null ? "" : `; ${better.length} are above the original`;
  return [
    `${at?.trajectory} of ${parent.run}, continued from turn ${at?.turn}`,
    "",
    colors.dim(head),
    ...body,
    "",
    `mean reward ${short(mean)}${compared}`,
  ];
}

/** Characters of an answer that a row has room for. */
const answerCharsMax = 32;

function cells({ trajectory, turns, calls, cause, answer, em, reward }: Outcome): string[] {
  const text = answer === null ? "–" : answer.replaceAll(/\s+/g, " ");
  const cut = text.length > answerCharsMax ? `${text.slice(0, answerCharsMax - 1)}…` : text;
  const number = (value: number | null) => (value === null ? "–" : String(value));
  const right = em === null ? "–" : em === 1 ? "yes" : "no";
  const paid = reward === null ? "–" : short(reward);
  return [trajectory, number(turns), number(calls), cause ?? "–", cut, right, paid];
}

/** What a session that continues a trajectory tells at its end. */
export function continuationResults(parent: Parent, original: Outcome | null): Results {
  const outcomes = new Outcomes();
  return {
    add: (event) => outcomes.add(event),
    json: () => continuationsJson(parent, original, outcomes.all),
    lines: (colors) => continuationLines(parent, original, outcomes.all, colors),
    finish: async () => [],
  };
}
