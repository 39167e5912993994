// What an evaluation's events come to, item by item: the answer, or why there is none, and what
// went wrong on the way. A fold: the order of streams does not matter.
import {
  type EventData,
  type EventEnvelope,
  parseTrajectory,
  type Sampling,
  type Task,
} from "../../events/index.ts";

/** Why an item has no answer, in words. */
export type Unanswered = "turn limit" | "context limit" | "token limit" | "unparsable" | "filtered";

/** One task as it was played. */
export interface PlayedItem {
  readonly task: Task;
  readonly answer: string | null;
  /** null: answered. */
  readonly cause: Unanswered | null;
  readonly turns: number;
  readonly calls: number;
  /** Why calls gave no result, one for each that did not. */
  readonly faults: readonly string[];
}

/** One set of the configuration, its parts put together again. */
export interface PlayedSet {
  readonly name: string;
  /** The benchmark by its name in the configuration. */
  readonly benchmark: string;
  readonly mode: NonNullable<Sampling["mode"]> | "tools";
  /** Tasks that it was planned with. */
  readonly planned: number;
  /** Those that were played to the end, in the order of the file. */
  readonly items: readonly PlayedItem[];
}

interface Trajectory {
  cut: boolean;
  filtered: boolean;
  faults: string[];
  end: EventData<"trajectory.ended"> | null;
}

interface Part {
  readonly name: string;
  readonly sampling: Sampling;
  readonly tasks: readonly Task[];
}

type Handlers = {
  readonly [T in EventEnvelope["type"]]?: (data: never, event: EventEnvelope) => void;
};

interface RecordedSet {
  readonly name: string;
  readonly tasks: number;
  readonly benchmark?: string;
  readonly mode?: NonNullable<Sampling["mode"]>;
}

/** The fold over a run's events. */
export class EvaluationItems {
  #sets: readonly RecordedSet[] = [];
  readonly #parts = new Map<number, Part>();
  readonly #trajectories = new Map<string, Trajectory>();

  readonly #handlers: Handlers = {
    "run.started": ({ config }: EventData<"run.started">) => {
      const { evaluation } = config as { evaluation?: { sets?: readonly RecordedSet[] } };
      this.#sets = evaluation?.sets ?? [];
    },
    "evaluation.started": (data: EventData<"evaluation.started">) => {
      const { evaluation, name, sampling, tasks } = data;
      this.#parts.set(evaluation, { name, sampling, tasks });
    },
    "turn.sampled": ({ finish, observed }: EventData<"turn.sampled">, { stream }) => {
      const trajectory = this.#of(stream);
      trajectory.cut = finish === "length";
      trajectory.filtered = observed?.["finishReason"] === "content_filter";
    },
    "tool.returned": ({ cause }: EventData<"tool.returned">, { stream }) => {
      if (cause !== "ok") this.#of(stream).faults.push(cause);
    },
    "trajectory.ended": (data: EventData<"trajectory.ended">, { stream }) => {
      this.#of(stream).end = data;
    },
  };

  add(event: EventEnvelope): void {
    const handler = this.#handlers[event.type] as
      | ((data: unknown, event: EventEnvelope) => void)
      | undefined;
    handler?.(event.data, event);
  }

  /** The sets of `varft eval`, in the order of the configuration; none for another run. */
  sets(): readonly PlayedSet[] {
    return this.#sets.flatMap(({ name, tasks: planned, benchmark, mode }) => {
      if (benchmark === undefined) return [];
      const parts = [...this.#parts].filter(([, part]) => part.name === name);
      const items = parts.sort(([a], [b]) => a - b).flatMap(([at, part]) => this.#items(at, part));
      return [{ name, benchmark, mode: mode ?? "tools", planned, items }];
    });
  }

  #items(evaluation: number, { tasks }: Part): PlayedItem[] {
    return tasks.flatMap((task, group) => {
      const trajectory = this.#trajectories.get(`e${evaluation}.${group}.0`);
      if (trajectory === undefined || trajectory.end === null) return [];
      const { answer, turns, calls } = trajectory.end;
      const { faults } = trajectory;
      return [{ task, answer, cause: causeOf(trajectory), turns, calls, faults }];
    });
  }

  #of(stream: string): Trajectory {
    const name = parseTrajectory(stream);
    const key = `${name?.step}.${name?.group}.${name?.sample}`;
    const known = this.#trajectories.get(key);
    if (known !== undefined) return known;
    const fresh: Trajectory = { cut: false, filtered: false, faults: [], end: null };
    this.#trajectories.set(key, fresh);
    return fresh;
  }
}

function causeOf({ end, cut, filtered }: Trajectory): Unanswered | null {
  switch (end?.cause) {
    case "turn-limit":
      return "turn limit";
    case "context-limit":
      return "context limit";
    case "malformed":
      if (filtered) return "filtered";
      return cut ? "token limit" : "unparsable";
    default:
      return null;
  }
}
