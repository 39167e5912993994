// `[rollout.engine]`: who samples the turns, the engine of varft or a server.
import { z } from "zod";

const count = (max: number) => z.int().min(1).max(max);

/** Who samples. */
export const engine = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("built-in") }),
  z.strictObject({
    /** A server that takes and gives token ids, beside its OpenAI-compatible calls. */
    type: z.literal("openai"),
    server: z.enum(["vllm", "sglang"]),
    /** Its root. A password in it would be stored with the run, so it has no place here. */
    url: z
      .string()
      .regex(/^https?:\/\/[^\s/?#@]+(?:\/[^\s?#@]*)?$/, "write http://HOST:PORT")
      .refine((url) => !/\/v1\/?$/.test(url), "write the server's root, without /v1"),
    /** The name under which the base model is served. */
    model: z.string().min(1).max(512),
    /** The environment variable that holds the API key; the key itself is stored nowhere. */
    apiKeyVariable: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "write the name of an environment variable")
      .optional(),
    /** The folder that adapters are written to. */
    adapters: z.string().min(1),
    /** The same folder as the server sees it, where that is another path. */
    adaptersAtServer: z.string().min(1).optional(),
    /** Requests of a worker under way at once. */
    requestsMax: count(1_024).default(64),
    /** For one attempt of one request. */
    timeoutMs: count(3_600_000).default(120_000),
    /** Attempts of one request. */
    attemptsMax: count(16).default(5),
  }),
]);

/** Of `rollout.rows_max`. */
export const rowsMaxDefault = 64;
