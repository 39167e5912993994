// `[rollout.engine]`: who samples the turns, the engine of varft or a server.
import { z } from "zod";
import type { RunConfig } from "./run-schema.ts";

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

/** Highest temperature that vLLM takes (0.32, sampling_params.py). */
const vllmTemperatureMax = 2;

type Fault = readonly [path: readonly string[], message: string];

/** What a server cannot do, and keys that would have no effect there. */
export function engineContradictions(config: RunConfig): Fault[] {
  const { rollout, tune, determinism } = config;
  if (rollout.engine.type === "built-in") return [];
  const { server } = rollout.engine;
  const faults: Fault[] = [];
  const add = (path: string, message: string): void => {
    faults.push([path.split("."), message]);
  };
  if (tune.type === "full") {
    add(
      "tune.type",
      `is "full", but ${server} gets a policy as a LoRA adapter: use type = "lora", ` +
        'or rollout.engine.type = "built-in"',
    );
  } else if (tune.vision) {
    add("tune.vision", `must be false: ${server} leaves adapters on the vision tower out`);
  }
  if (determinism === "strict") {
    add(
      "determinism",
      `must be "tolerance": what ${server} samples depends on who else asks, so that a run is not ` +
        "repeated bit by bit",
    );
  }
  if (server === "vllm" && rollout.temperature > vllmTemperatureMax) {
    add("rollout.temperature", `is above ${vllmTemperatureMax}, the highest that vllm takes`);
  }
  if (rollout.threads !== 1) add("rollout.threads", `has no effect: ${server} samples`);
  if (rollout.rowsMax !== rowsMaxDefault) {
    add(
      "rollout.rowsMax",
      `has no effect: ${server} samples; there is rollout.engine.requests_max`,
    );
  }
  return faults;
}

/** Of `rollout.rows_max`. */
export const rowsMaxDefault = 64;
