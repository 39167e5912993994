// What two kinds of servers say differently. Both take and give token ids; what is not a pure
// translation of words is not here.
import type { EngineRequest } from "./http.ts";

/** One turn to sample, in the words of neither server. */
export interface EngineQuestion {
  /** The served name: the base model's, or an adapter's. */
  readonly model: string;
  /** The context with one image token per image; the server writes them out again. */
  readonly ids: readonly number[];
  /** PNG images as data URLs, in the order of their tokens. */
  readonly images: readonly string[];
  readonly tokensMax: number;
  /** 0: greedy. */
  readonly temperature: number;
  readonly seed: number;
  readonly stopIds: readonly number[];
  readonly bannedIds: readonly number[];
  /** Where given, nothing but these tokens may come. */
  readonly onlyIds?: readonly number[];
}

/** What came back, before it is checked. */
export interface EngineAnswer {
  readonly ids: readonly number[];
  /** One per id, and the id that each belongs to by the server's account. */
  readonly logProbs: readonly { readonly id: number; readonly logProb: number }[];
  readonly finish: "stop" | "length" | "aborted";
  /** The context as the server read it, images written out; null where it does not tell. */
  readonly prompt: readonly number[] | null;
}

/** A model or an adapter that a server offers. */
export interface ServedModel {
  readonly id: string;
  /** The path it was loaded from, or null. */
  readonly root: string | null;
  /** Tokens of a context with its answer, or null. */
  readonly tokensMax: number | null;
}

/** Added to the logit of a banned token: nothing is left of it in float32 at any temperature. */
export const banBias = -10_000;

export interface Dialect {
  readonly server: "vllm" | "sglang";
  /** The command line that starts such a server as it must be, for errors. */
  readonly start: string;
  readonly versionPath: string;
  readonly generatePath: string;
  readonly loadPath: string;
  readonly unloadPath: string;
  /** `base`: the base model's served name. */
  generateBody(question: EngineQuestion, base: string): unknown;
  /** @throws ZodError where the answer has another form */
  readAnswer(json: unknown): EngineAnswer;
  /** @throws ZodError where the answer has another form */
  readVersion(json: unknown): string;
  /** What to do about a refused request to sample, or to load or unload an adapter. */
  readonly mendGenerate: EngineRequest["mend"];
  readonly mendAdapter: EngineRequest["mend"];
  /** Whether a refusal means that the server no longer knows the adapter. */
  isAdapterGone(status: number, words: string): boolean;
}
