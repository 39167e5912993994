// Goal: `[search]` says what its back end needs, and nothing that it would ignore.
import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withoutPlacement } from "../../actors/placement.ts";
import { ConfigError, parseRunConfig } from "../../config/index.ts";

const test = suite("config/search");
const quickstart = await readFile("config/quickstart.toml", "utf8");
const before = '[search]\ntype = "bm25"\ncorpus = "mini"\nhits = 1\n';

function parse(section: string, overrides: readonly string[] = []) {
  assert.ok(quickstart.includes(before));
  const text = quickstart.replace(before, `[search]\n${section}\n`);
  return parseRunConfig({ file: "a.toml", text, overrides });
}

function refusal(section: string, overrides: readonly string[] = []): string {
  try {
    parse(section, overrides);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.message;
    throw thrown;
  }
  throw new Error("the configuration was taken");
}

const serper = 'type = "serper"\nhits = 4\nqueries_max = 10_000';
const http = 'type = "http"\nhits = 3\nurl = "http://127.0.0.1:8000/retrieve"';

test("each back end is taken with its defaults", () => {
  const asked = { timeoutMs: 15_000, attemptsMax: 5, requestsMax: 16 };
  assert.equal(parse(serper).search, {
    ...{ type: "serper", url: "https://google.serper.dev/search", results: "full" },
    ...{ apiKeyVariable: "SERPER_API_KEY", queriesMax: 10_000, queriesPerSecond: 5 },
    ...{ hits: 4, mode: "live", ...asked },
  });
  const url = "http://127.0.0.1:8000/retrieve";
  assert.equal(parse(http).search, { type: "http", url, hits: 3, mode: "live", ...asked });
  const corpus = 'type = "bm25"\ncorpus = "a.jsonl"\nhits = 3\nmode = "record"\nstore = "s.jsonl"';
  assert.equal(parse(corpus).search, {
    ...{ type: "bm25", corpus: "a.jsonl", hits: 3, mode: "record", store: "s.jsonl" },
  });
});

const cases: readonly (readonly [section: string, override: string, message: RegExp])[] = [
  ['type = "serper"\nhits = 4', "run.seed=1", /"search\.queries_max" is missing/],
  [serper, "search.hits=21", /at most 20/],
  [serper, "search.api_key=hush", /unknown key "search\.api_key"/],
  [serper, "search.api_key_variable=a b", /the name of an environment variable/],
  [serper, "search.corpus=mini", /"search\.corpus" has no effect with type = "serper"/],
  [serper, "search.country=USA", /two small letters/],
  [serper, "search.url=http://proxy.example/search", /"search\.url" must be https/],
  [http, "search.url=http://me:secret@host/retrieve", /write http:\/\/HOST\/PATH/],
  [http, "search.url=http://host/retrieve?key=secret", /write http:\/\/HOST\/PATH/],
  [http, "search.results=full", /"search\.results" has no effect with type = "http"/],
  [http, "search.store=s.jsonl", /"search\.store" has no effect with mode = "live"/],
  [http, "search.mode=replay", /"search\.store" is missing: mode = "replay" needs/],
  [before.slice(9), "search.index=x", /"search\.index" has no effect with corpus = "mini"/],
];

test("what is wrong is named by its key", () => {
  for (const [section, override, message] of cases) {
    assert.match(refusal(section, [override]), message, override);
  }
});

test("a key to a server of this host may go over http, and a retriever needs none", () => {
  for (const host of ["localhost:1", "127.0.0.1", "[::1]:80"]) {
    parse(serper, [`search.url=http://${host}/search`]);
  }
  assert.match(refusal(serper, ["search.url=http://localhost.example/search"]), /must be https/);
  parse(http, ["search.url=http://far.example/retrieve"]);
});

test("a resumed run may change where and how patiently it asks, not what", () => {
  const one = parse(serper);
  const elsewhere = parse(serper, [
    ...["search.queries_max=20_000", "search.api_key_variable=KEY", "search.timeout_ms=1"],
    ...["search.mode=record", "search.store=s.jsonl"],
  ]);
  assert.equal(withoutPlacement({ ...elsewhere }), withoutPlacement({ ...one }));
  const other = parse(serper, ["search.results=reference"]);
  assert.not.equal(withoutPlacement({ ...other }), withoutPlacement({ ...one }));
});

test.run();
