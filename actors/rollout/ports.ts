// What Rollout asks of other rooms. Each interface has a real and a scripted implementation.
import type { HashName, Sampling, Task } from "../../events/index.ts";

/** What a turn's text asks for. */
export type Action =
  | { readonly kind: "problem"; readonly problems: readonly string[] }
  | { readonly kind: "code"; readonly program: string }
  | { readonly kind: "search"; readonly query: string }
  | { readonly kind: "answer"; readonly answer: string }
  | { readonly kind: "malformed"; readonly reason: string };

/** How an evaluation asks where it does not let the agent act. */
export type Mode = NonNullable<Sampling["mode"]>;

/** Reads the action out of a turn. Pure and total: text of any kind gives an action. */
export type ParseAction = (text: string, mode?: Mode) => Action;

/** What the environment says: text with one `<image>` placeholder per image, in order. */
export interface EnvironmentText {
  readonly text: string;
  readonly images: readonly HashName[];
  /** It takes the place of everything that was said before. */
  readonly fresh?: true;
}

/** The answer of a tool as the model gets to see it. */
export interface ToolAnswer {
  readonly tool: "python" | "search";
  /** Why the execution ended: `ok`, `error`, `timeout`, … */
  readonly cause: string;
  /** Python: what went wrong, or what was printed. Search: the hits in the environment's words. */
  readonly text: string;
  readonly image: HashName | null;
}

/** A turn of the model, and what a tool answered to it. */
export interface SaidTurn {
  readonly text: string;
  readonly answer: ToolAnswer | null;
}

/** The words of the environment, by task. Pure. */
export interface Environment {
  readonly parseAction: ParseAction;
  /** The first message. */
  prompt(task: Task, mode?: Mode): EnvironmentText;
  /** What follows an action that calls no tool: a diagnosis, or a call when no calls are left. */
  reply(task: Task, action: Action): EnvironmentText;
  /** What follows a tool's answer. */
  report(task: Task, answer: ToolAnswer, mode?: Mode): EnvironmentText;
  /** Where present, and the agent acts: the one message that takes the place of all before it. */
  readonly grow?: ((task: Task, turns: readonly SaidTurn[]) => EnvironmentText) | undefined;
  /** Where present: the program that is run in the place of the last turn's. */
  readonly programFor?:
    | ((task: Task, turns: readonly SaidTurn[], program: string) => string)
    | undefined;
}

/** Token ids of what the environment says, image placeholders expanded. */
export interface EncodedText {
  readonly ids: Int32Array;
  readonly images: readonly HashName[];
  /** They take the place of the whole context. */
  readonly fresh?: true;
  /** What the ids are, where they are no tokens. */
  readonly units?: "code-points";
}

/** The tokenizer with the chat template. Images must be decodable by their hash. */
export interface Encoder {
  /** The whole prompt, up to where the model begins to write. */
  prompt(words: EnvironmentText): Promise<EncodedText>;
  /**
   * What stands between two turns of the model, up to where it begins to write again.
   * `ended`: the model itself wrote its end token, so the environment must not add one.
   */
  continuation(words: EnvironmentText, ended: boolean): Promise<EncodedText>;
  decode(ids: Int32Array): string;
}

/** One turn to sample. */
export interface TurnRequest {
  readonly ids: Int32Array;
  readonly images: readonly HashName[];
  /** One number in [0, 1) per token that may be sampled; its length is the limit. */
  readonly uniforms: Float32Array;
  /** For an engine that draws for itself: 31 bits of the same generator, under the same names. */
  readonly seed: number;
}

/** A sampled turn. */
export interface SampledTurn {
  readonly ids: Int32Array;
  readonly logProbs: Float32Array;
  /** Mean entropy of the distributions, nats; where an engine does not tell, mean −log p. */
  readonly entropy: number;
  readonly finish: "stop" | "length";
  /** The engine tells no log-probs: there are none, and the entropy is 0. */
  readonly unscored?: true | undefined;
  /** What else the engine tells of the turn. */
  readonly observed?: Readonly<Record<string, unknown>>;
}

/** The policy, as far as Rollout needs it. The result of a turn does not depend on its batch. */
export interface PolicySampler {
  /** Rows per call, at most. */
  readonly rowsMax: number;
  /** True where rows share no call: each is asked for as soon as it is wanted. */
  readonly independent?: boolean;
  /** Makes `bytes` the policy in use and returns the hash of the parameters it now really holds. */
  load(policy: HashName, bytes: Uint8Array): Promise<HashName>;
  sample(requests: readonly TurnRequest[], sampling: Sampling): Promise<readonly SampledTurn[]>;
}
