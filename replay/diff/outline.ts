// A run in outline: every event that counts for its result, by stream, as its digest, its place and
// the step that it belongs to.
import { type ResultEvent, resultOfEvents } from "../../actors/index.ts";
import {
  type EventData,
  type EventEnvelope,
  parseTrajectory,
  type StepName,
  stepsBefore,
} from "../../events/index.ts";
import type { LedgerReader } from "../../storage/index.ts";

/** An event of the outline. */
export interface OutlinedEvent extends ResultEvent {
  /** Global sequence number, from 1. */
  readonly global: number;
  /** The stream under its full name, and the event's number in it. */
  readonly stream: string;
  readonly seq: number;
  /** Its step; of an evaluation, the last one that was planned before it. 0: none. */
  readonly step: number;
}

export interface Outline {
  readonly started: EventData<"run.started"> | null;
  /** Policies in their order, the initial one first; and their optimizers. */
  readonly policies: readonly string[];
  readonly optimizers: readonly string[];
  /** By stream, the run's name left out of the names. */
  readonly streams: ReadonlyMap<string, readonly OutlinedEvent[]>;
}

/** Reads through a ledger once; a page of it is in memory at a time. */
export async function outlineOf(reader: Pick<LedgerReader, "readAll">): Promise<Outline> {
  const streams = new Map<string, OutlinedEvent[]>();
  const policies: string[] = [];
  const optimizers: string[] = [];
  const steps = new Steps();
  for (let next = 1; ; ) {
    const page = await reader.readAll(next);
    const last = page.at(-1);
    if (last === undefined) return { started: steps.started, policies, optimizers, streams };
    for (const { global, event } of page) {
      const result = resultOfEvents([event]);
      policies.push(...result.policies);
      optimizers.push(...result.optimizers);
      const step = steps.stepOf(event);
      for (const [name, counted] of result.streams) {
        const known = streams.get(name) ?? [];
        const { stream, seq } = event;
        known.push(...counted.map((one) => ({ ...one, global, stream, seq, step })));
        streams.set(name, known);
      }
    }
    next = last.global + 1;
  }
}

/** Tells of each event, in the order of the ledger, to which step it belongs. */
class Steps {
  started: EventData<"run.started"> | null = null;
  #planned = 0;
  readonly #evaluations = new Map<number, number>();

  stepOf({ type, stream, data }: EventEnvelope): number {
    switch (type) {
      case "run.started":
        this.started ??= data as EventData<"run.started">;
        this.#planned = stepsBefore(this.started);
        return this.#planned;
      case "step.planned":
        this.#planned = (data as EventData<"step.planned">).step;
        return this.#planned;
      case "evaluation.planned":
        this.#evaluations.set((data as EventData<"evaluation.planned">).evaluation, this.#planned);
        return this.#planned;
      case "evaluation.started":
      case "evaluation.completed":
        return this.#ofEvaluation((data as EventData<"evaluation.started">).evaluation);
      case "reward.assigned":
        return this.#named((data as EventData<"reward.assigned">).trajectory);
      default:
        return this.#ofStep(data) ?? this.#named(stream);
    }
  }

  #ofStep(data: unknown): number | null {
    const { step } = data as { readonly step?: unknown };
    return typeof step === "number" ? step : null;
  }

  /** Of the trajectory `stream`; of another stream, where the run is. */
  #named(stream: string): number {
    const step: StepName | undefined = parseTrajectory(stream)?.step;
    if (typeof step === "string") return this.#ofEvaluation(Number(step.slice(1)));
    return step ?? this.#planned;
  }

  #ofEvaluation(evaluation: number): number {
    return this.#evaluations.get(evaluation) ?? this.#planned;
  }
}
