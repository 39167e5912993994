// A trajectory as a person reads it: turn by turn, with what was sampled, called and answered.
// Pure.
import type {
  EventData,
  EventEnvelope,
  EventType,
  HashName,
  Sampling,
  Task,
} from "../../../events/index.ts";

/** A turn of the model and what came back. */
export interface TranscriptTurn {
  readonly turn: number;
  readonly ids: Int32Array;
  readonly tokens: number;
  readonly logProbMean: number;
  readonly logProbMin: number;
  readonly entropy: number;
  readonly finish: "stop" | "length";
  /** The server told no log-probs. */
  readonly unscored: boolean;
  readonly call: {
    readonly tool: string;
    readonly input: string;
    readonly image: HashName | null;
  } | null;
  readonly returned: {
    readonly cause: string;
    readonly text: string;
    readonly image: HashName | null;
    readonly observed: Readonly<Record<string, unknown>>;
  } | null;
  /** What the environment appended before the next turn. */
  readonly prompted: { readonly ids: Int32Array; readonly images: readonly HashName[] } | null;
}

export interface Transcript {
  readonly stream: string;
  readonly policy: HashName | null;
  readonly sampling: Sampling | null;
  readonly prompt: { readonly ids: Int32Array; readonly images: readonly HashName[] } | null;
  /** The ids are code points, and no tokens. */
  readonly codePoints: boolean;
  /** What was searched for and found before the first turn, and the prompt that it made. */
  readonly retrieved: Pick<TranscriptTurn, "call" | "returned" | "prompted"> | null;
  readonly turns: readonly TranscriptTurn[];
  readonly end: EventData<"trajectory.ended"> | null;
  readonly task: Task | null;
  readonly reward: EventData<"reward.assigned"> | null;
}

type Handlers = { readonly [T in EventType]?: (data: EventData<T>) => void };

/** Reads a trajectory's events; `task` and `reward` come from other streams. */
export function transcriptOf(
  stream: string,
  events: readonly EventEnvelope[],
  task: Task | null,
  reward: EventData<"reward.assigned"> | null,
): Transcript {
  let started: EventData<"trajectory.started"> | null = null;
  let end: EventData<"trajectory.ended"> | null = null;
  const turns: TranscriptTurn[] = [];
  let retrieved: Transcript["retrieved"] = null;
  const amend = (change: Partial<TranscriptTurn>) => {
    const last = turns.pop();
    if (last !== undefined) turns.push({ ...last, ...change });
    else retrieved = { call: null, returned: null, prompted: null, ...retrieved, ...change };
  };
  const handlers: Handlers = {
    "trajectory.started": (data) => {
      started = data;
    },
    "turn.sampled": (data) => {
      turns.push(turnOf(data));
    },
    "tool.called": ({ tool, input, image }) => amend({ call: { tool, input, image } }),
    "tool.returned": ({ cause, text, image, observed = {} }) =>
      amend({ returned: { cause, text, image, observed } }),
    "turn.prompted": ({ ids, images }) => amend({ prompted: { ids, images } }),
    "trajectory.ended": (data) => {
      end = data;
    },
  };
  for (const event of events) {
    const handler = handlers[event.type as EventType] as ((data: unknown) => void) | undefined;
    handler?.(event.data);
  }
  // The assignments above happen in closures, which the compiler does not follow.
  const begun = started as EventData<"trajectory.started"> | null;
  return {
    stream,
    policy: begun?.policy ?? null,
    sampling: begun?.sampling ?? null,
    prompt: begun === null ? null : { ids: begun.ids, images: begun.images },
    codePoints: begun?.units === "code-points",
    retrieved,
    turns,
    end,
    task,
    reward,
  };
}

function turnOf(data: EventData<"turn.sampled">): TranscriptTurn {
  const { turn, ids, logProbs, entropy, finish } = data;
  const tokens = ids.length;
  const logProbMean = logProbs.reduce((sum, value) => sum + value, 0) / Math.max(1, tokens);
  const logProbMin = logProbs.reduce((least, value) => Math.min(least, value), 0);
  const none = { call: null, returned: null, prompted: null };
  const unscored = data.unscored === true;
  return { turn, ids, tokens, logProbMean, logProbMin, entropy, finish, unscored, ...none };
}

/** Every image of a transcript with a name for its file, in the order of appearance, each once. */
export function transcriptImages(transcript: Transcript): ReadonlyMap<HashName, string> {
  const names = new Map<HashName, string>();
  const note = (image: HashName | null, name: string) => {
    if (image !== null && !names.has(image)) names.set(image, name);
  };
  for (const [index, image] of (transcript.prompt?.images ?? []).entries()) {
    note(image, index === 0 ? "prompt" : `prompt-${index}`);
  }
  for (const { turn, call, returned, prompted } of transcript.turns) {
    note(call?.image ?? null, `turn-${turn}-input`);
    note(returned?.image ?? null, `turn-${turn}-output`);
    for (const [index, image] of (prompted?.images ?? []).entries()) {
      note(image, `turn-${turn}-shown-${index}`);
    }
  }
  note(transcript.task?.reference ?? null, "reference");
  return names;
}
