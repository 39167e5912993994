// `[search]`: who answers queries, and whether answers are asked for or taken from a store.
import { z } from "zod";

const count = (max: number) => z.int().min(1).max(max);

const queriesMax = count(1_000_000_000);
const queriesPerSecond = z.number().positive().max(10_000);

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "write the name of an environment variable");

/** What a password or a key in an address would be: stored with the run. So neither has a place. */
const address = z
  .string()
  .regex(/^https?:\/\/[^\s/?#@]+(?:\/[^\s?#@]*)?$/, "write http://HOST/PATH");

const twoLetters = z.string().regex(/^[a-z]{2}$/, "write two small letters, such as us");

/** Of every back end. */
const common = {
  /** Passages of one answer. */
  hits: count(20),
  /**
   * `live`: queries are asked. `record`: they are answered from the store where they are in it,
   * else asked and kept there. `replay`: answered from the store alone.
   */
  mode: z.enum(["live", "record", "replay"]).default("live"),
  /** The file of recorded answers. */
  store: z.string().min(1).optional(),
};

/** Of every server. */
const asked = {
  /** For one attempt of one query. */
  timeoutMs: count(600_000).default(15_000),
  /** Attempts of one query. */
  attemptsMax: count(16).default(5),
  /** Requests under way at once. */
  requestsMax: count(1_024).default(16),
};

const bm25 = z.strictObject({
  type: z.literal("bm25"),
  /** `mini`, or a JSONL file of passages. */
  corpus: z.string().min(1),
  /** The folder of the index of a large corpus; beside the corpus by default. */
  index: z.string().min(1).optional(),
  ...common,
});

const serper = z.strictObject({
  /** Google, through google.serper.dev. */
  type: z.literal("serper"),
  url: address.default("https://google.serper.dev/search"),
  /** The environment variable that holds the API key; the key itself is stored nowhere. */
  apiKeyVariable: variable.default("SERPER_API_KEY"),
  /** `full`: answer box, description, pages with their titles. `reference`: snippets alone. */
  results: z.enum(["full", "reference"]).default("full"),
  country: twoLetters.optional(),
  language: twoLetters.optional(),
  /** Queries of the whole run, resumed or not: each costs money. */
  queriesMax,
  queriesPerSecond: queriesPerSecond.default(5),
  ...asked,
  ...common,
});

const http = z.strictObject({
  /** A retrieval server as Search-R1 runs one. */
  type: z.literal("http"),
  /** What queries are posted to: `http://HOST:PORT/retrieve`. */
  url: address,
  /** The environment variable that holds a bearer token, where the server wants one. */
  apiKeyVariable: variable.optional(),
  queriesMax: queriesMax.optional(),
  queriesPerSecond: queriesPerSecond.optional(),
  ...asked,
  ...common,
});

/** Who answers queries. */
export const search = z.discriminatedUnion("type", [bm25, serper, http]).check((payload) => {
  for (const [key, message] of contradictions(payload.value)) {
    payload.issues.push({ code: "custom", path: [key], message, input: payload.value });
  }
});

type SearchConfig = z.infer<typeof search>;

const local = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$)/;

function contradictions(given: SearchConfig): readonly (readonly [key: string, why: string])[] {
  const found: [string, string][] = [];
  const { mode, store } = given;
  if (mode === "live" && store !== undefined) {
    found.push(["store", 'has no effect with mode = "live": leave it out']);
  }
  if (mode !== "live" && store === undefined) {
    found.push(["store", `is missing: mode = "${mode}" needs the file of recorded answers`]);
  }
  if (given.type === "bm25") {
    if (given.corpus === "mini" && given.index !== undefined) {
      found.push(["index", 'has no effect with corpus = "mini": leave it out']);
    }
    return found;
  }
  const { url, apiKeyVariable } = given;
  if (apiKeyVariable !== undefined && url.startsWith("http://") && !local.test(url)) {
    found.push(["url", "must be https: the API key would be readable on its way"]);
  }
  return found;
}
