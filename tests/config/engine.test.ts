// Goal: `[rollout.engine]` says what a server needs, and nothing that it would ignore.
import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withoutPlacement } from "../../actors/placement.ts";
import { ConfigError, parseRunConfig } from "../../config/index.ts";

const test = suite("config/engine");
const quickstart = await readFile("config/quickstart.toml", "utf8");

/** The quick start with its turns sampled at a server. */
const text = quickstart
  .replace('determinism = "strict"', 'determinism = "tolerance"')
  .replace('type = "full"', 'type = "lora"\nrank = 8\nalpha = 16')
  .replace(/threads = 2\nrows_max = 128\n/, "")
  .replace(
    "[learner]",
    `[rollout.engine]
type = "openai"
server = "vllm"
url = "http://127.0.0.1:8000"
model = "tiny"
adapters = "adapters"

[learner]`,
  );

function parse(source: string, overrides: readonly string[] = []) {
  return parseRunConfig({ file: "a.toml", text: source, overrides });
}

function refusal(overrides: readonly string[]): string {
  try {
    parse(text, overrides);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.message;
    throw thrown;
  }
  throw new Error("the configuration was taken");
}

test("without the section the built-in engine samples", () => {
  assert.equal(parse(quickstart).rollout.engine, { type: "built-in" });
});

test("a server is taken, every limit with its default", () => {
  const { engine } = parse(text).rollout;
  const limits = { requestsMax: 64, timeoutMs: 120_000, attemptsMax: 5 };
  const at = { url: "http://127.0.0.1:8000", model: "tiny", adapters: "adapters" };
  assert.equal(engine, { type: "openai", server: "vllm", ...at, ...limits });
});

const cases: readonly (readonly [string, RegExp])[] = [
  ["rollout.engine.url=127.0.0.1:8000", /url".*write http:\/\/HOST:PORT/],
  ["rollout.engine.url=http://me:secret@host", /url".*write http:\/\/HOST:PORT/],
  ["rollout.engine.url=http://host:8000/v1", /the server's root, without \/v1/],
  ["rollout.engine.server=tgi", /rollout\.engine\.server/],
  ["rollout.engine.api_key=hush", /api_key/],
  ["determinism=strict", /"determinism" must be "tolerance"/],
  ["tune.vision=true", /"tune\.vision" must be false: vllm leaves/],
  ["rollout.threads=2", /"rollout\.threads" has no effect: vllm samples/],
  ["rollout.rows_max=32", /"rollout\.rows_max" has no effect.*requests_max/],
  ["rollout.temperature=3", /"rollout\.temperature" is above 2/],
];
for (const [override, words] of cases) {
  test(`${override} is refused`, () => assert.match(refusal([override]), words));
}

test("all parameters cannot be sent to a server", () => {
  const full = text.replace('type = "lora"\nrank = 8\nalpha = 16', 'type = "full"');
  try {
    parse(full);
    assert.unreachable("the configuration was taken");
  } catch (thrown) {
    assert.match(
      String(thrown),
      /"tune\.type" is "full", but vllm gets a policy as a LoRA adapter/,
    );
  }
});

test("a run may go on at another address, with another patience, and not with another server", () => {
  const plain = (overrides: readonly string[]) =>
    withoutPlacement(parse(text, overrides) as unknown as Record<string, unknown>);
  const moved = ["rollout.engine.url=http://other:1", "rollout.engine.timeout_ms=5"];
  assert.equal(plain(moved), plain([]));
  assert.not.equal(plain(["rollout.engine.server=sglang"]), plain([]));
});

test.run();
