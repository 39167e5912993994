// `[policy]`: which policy is evaluated, where that is none that the run itself has made.
import { z } from "zod";

const path = z.string().min(1);
const count = (max: number) => z.int().min(1).max(max);

/** One trajectory's text has to fit into its events. */
const contextCharactersMax = 60_000;

/** A checkpoint as it is. */
export const basePolicy = z.strictObject({
  type: z.literal("base"),
  /** A Hugging Face checkpoint folder, relative to the working directory. */
  directory: path,
});

/** A checkpoint with a PEFT adapter. */
export const adapterPolicy = z.strictObject({
  type: z.literal("adapter"),
  /** The adapter's folder. */
  directory: path,
  /** The checkpoint's folder. */
  base: path,
});

/** What another run has learned. */
export const runPolicy = z.strictObject({
  type: z.literal("run"),
  /** The run's name, in the runs folder. */
  run: path,
  /** After so many steps; left out: the last one. */
  step: z.int().min(0).optional(),
  /** The checkpoint's folder, where it is not where the run found it. */
  base: path.optional(),
});

/** A model behind `/v1/chat/completions`, for evaluations only. */
export const serverPolicy = z.strictObject({
  type: z.literal("server"),
  /**
   * The root of the server. A password in it would be stored with the run: it has no place here.
   */
  url: z
    .string()
    .regex(/^https?:\/\/[^\s/?#@]+(?:\/[^\s?#@]*)?$/, "write http://HOST:PORT")
    .refine((url) => !/\/v1\/?$/.test(url), "write the server's root, without /v1"),
  /** The model's name there. */
  model: z.string().min(1).max(512),
  /** The environment variable that holds the API key; the key itself is stored nowhere. */
  apiKeyVariable: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "write the name of an environment variable")
    .optional(),
  /** The field that bounds an answer: newer models of OpenAI refuse `max_tokens`. */
  tokensField: z.enum(["max_tokens", "max_completion_tokens"]).default("max_tokens"),
  /** Characters of a conversation with its answer. */
  contextCharactersMax: count(contextCharactersMax).default(contextCharactersMax),
  requestsMax: count(1_024).default(8),
  /** For one attempt of one request. */
  timeoutMs: count(3_600_000).default(300_000),
  /** Attempts of one request. */
  attemptsMax: count(16).default(6),
});

const hash = z.templateLiteral(["sha256:", z.string().regex(/^[0-9a-f]{64}$/)]);

/** As a run records it: settled, so that it means the same when the run is resumed. */
export const recordedPolicy = z.discriminatedUnion("type", [
  adapterPolicy.omit({ base: true }),
  /** `run` is the run's directory. */
  z.strictObject({ type: z.literal("run"), run: path, step: z.int().min(0), policy: hash }),
  serverPolicy,
]);
