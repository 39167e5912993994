// Goal: an evaluation runs official files with any policy in any mode, survives a kill -9 without
// repeating an item, never scores a fault of the world, and tells what varft score tells.
// Method: real processes; a chat server of the test, and the shipped checkpoint.
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { untouched } from "../../config/index.ts";
import { type EventEnvelope, parseTrajectory } from "../../events/index.ts";
import { openEngineModel } from "../actors/engine-policy.ts";
import { servedName, TestEngineServer } from "../actors/engine-server.ts";
import { type ChatBody, lastText, TestChatServer } from "./chat-server.ts";
import type { Ending } from "./host-processes.ts";
import { makeAdapter } from "./small-adapter.ts";
import { checkpoint, dataOf, isBuilt, SmallRuns } from "./small-runs.ts";

const test = suite("e2e/evaluation");
const runs = await SmallRuns.open();
test.after(() => runs.close());

const files = "tests/fixtures/visual-arft";
const rowsOf = async (file: string) =>
  (await readFile(file, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const text = await rowsOf(`${files}/bamboogle/test.jsonl`);
const goldOf = (body: ChatBody): string =>
  text.find(({ question }) => lastText(body).includes(question))?.golden_answers[0] ?? "unknown";

/** Knows all answers, and says them as it is asked to. */
function knowing(body: ChatBody) {
  const asked = lastText(body);
  const gold = goldOf(body);
  if (asked.includes("Think step by step")) {
    return { text: `<think> easy </think><answer> ${gold} </answer>` };
  }
  return { text: gold };
}

const policyOf = (url: string) => `
[policy]
type = "server"
url = "${url}"
model = "parrot"
timeout_ms = 2000
attempts_max = 2
`;
const search = '\n[search]\ntype = "bm25"\ncorpus = "mini"\nhits = 2\n';
const setOf = (name: string, mode: string, more = "") => `
[[sets]]
name = "${name}"
type = "bamboogle"
file = "${files}/bamboogle/test.jsonl"
mode = "${mode}"
${more}`;

/** Starts `varft eval` over a configuration. */
async function evaluate(name: string, config: string, ...more: readonly string[]) {
  const folder = runs.folder(`${name}-config`);
  await mkdir(folder, { recursive: true });
  const file = join(folder, "eval-test.toml");
  await writeFile(file, config);
  return runs.varft("eval", file, "--json", "--runs", runs.folder(name), ...more);
}

function resultOf({ out, code, err }: Ending) {
  assert.is(code, 0, err);
  return JSON.parse(out.at(-1) ?? "") as {
    readonly benchmarks: Record<string, Record<string, unknown>>;
    readonly policy: string;
  };
}

/** How often each turn of each trajectory was sampled. */
function timesSampled(events: readonly EventEnvelope[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const { type, stream, data } of events) {
    if (type !== "turn.sampled") continue;
    const key = `${stream} ${(data as { turn: number }).turn}`;
    times.set(key, (times.get(key) ?? 0) + 1);
  }
  return times;
}

test("direct, chain of thought and RAG over a chat server, as recorded trajectories", async () => {
  const server = new TestChatServer({ say: knowing, apiKey: "hush-hush" });
  const url = await server.open();
  const sets = setOf("direct", "direct") + setOf("cot", "cot") + setOf("rag", "rag");
  const answers = runs.folder("answers");
  const config = `${policyOf(url)}api_key_variable = "PARROT_KEY"\n${sets}${search}`;
  const folder = runs.folder("modes-config");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "eval-modes.toml"), config);
  const args = ["--json", "--runs", runs.folder("modes"), "--predictions", answers];
  const file = join(folder, "eval-modes.toml");
  const env = { PARROT_KEY: "hush-hush" };
  const ending = await runs.node(env, "cli/varft.mjs", "eval", file, ...args).ended;
  await server.close();
  const { benchmarks } = resultOf(ending);
  for (const name of ["direct", "cot", "rag"]) {
    const { n, em, policyMode, unanswered } = benchmarks[name] ?? {};
    assert.equal([n, em, policyMode, unanswered], [text.length, 100, name, 0], name);
  }
  const events = await runs.events("modes");
  const started = dataOf(events, "trajectory.started");
  assert.is(started.length, 3 * text.length);
  for (const { units } of started) assert.is(units, "code-points");
  assert.equal(
    dataOf(events, "tool.called").map(({ turn, tool, input }) => [turn, tool, input]),
    text.map(({ question }) => [0, "search", question]),
    "RAG searches once with the question, and nobody else searches",
  );
  const rag = server.asked.filter((body) => lastText(body).startsWith("<information>"));
  assert.is(rag.length, text.length, "what was found stands before the question");
  const whole = JSON.stringify([...events.map(({ data }) => data), ending.out, ending.err]);
  assert.not.match(whole, "hush-hush", "the key is stored and told nowhere");
  assert.equal((await readdir(answers)).sort(), ["cot.json", "direct.json", "rag.json"]);
  const scored = await runs.varft("score", join(answers, "rag.json"), "--json").ended;
  const score = JSON.parse(scored.out.join(""));
  assert.equal([score.format, score.n, score.em], ["visual-arft-search", text.length, 100]);
  assert.equal(await runs.leftovers("modes"), []);
});

test("killed half-way and resumed, it repeats no item and asks nothing again", async () => {
  const server = new TestChatServer({ say: knowing });
  const url = await server.open();
  let isHeld = true;
  // The last question of all stays without an answer, whichever item it is about.
  server.fault = () => (isHeld && server.asked.length >= text.length ? { kind: "silence" } : null);
  const config = `${policyOf(url)}requests_max = 1\n${setOf("direct", "direct")}`;
  const begun = await evaluate("killed", config.replace("timeout_ms = 2000", "timeout_ms = 60000"));
  const { run } = await runs.place("killed");
  // What is not durable yet did not happen: only what the ledger holds is never asked again.
  const recorded = async () => dataOf(await runs.events("killed"), "turn.sampled").length;
  const isHalfWay = async () =>
    server.asked.length === text.length && (await recorded()) === text.length - 1;
  const deadline = performance.now() + 120_000;
  while (!(await isHalfWay()) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(await isHalfWay(), "all but the last item have been answered");
  begun.signal("SIGKILL");
  await begun.ended;
  isHeld = false;
  const resumed = runs.varft("eval", "--resume", run, "--json", "--runs", runs.folder("killed"));
  const { benchmarks } = resultOf(await resumed.ended);
  await server.close();
  assert.equal([benchmarks["direct"]?.["n"], benchmarks["direct"]?.["em"]], [text.length, 100]);
  const times = timesSampled(await runs.events("killed"));
  assert.is(times.size, text.length);
  for (const [turn, count] of times) assert.is(count, 1, turn);
  assert.is(server.asked.length, text.length + 1, "only what was not answered is asked again");
});

test("a server that is gone ends it, scores nothing, and a resume goes on elsewhere", async () => {
  const server = new TestChatServer({ say: knowing });
  const port = Number(new URL(await server.open()).port);
  let asked = 0;
  server.fault = () => {
    asked += 1;
    return asked > 1 ? { kind: "reply", status: 503, body: "out of memory" } : null;
  };
  const config = `${policyOf(`http://127.0.0.1:${port}`)}requests_max = 1\n${setOf("direct", "direct")}`;
  const { code, err } = await (await evaluate("gone", config)).ended;
  assert.is(code, 1, err);
  assert.match(err, /status 503 \(out of memory\)/);
  const { run } = await runs.place("gone");
  assert.match(err, `varft eval --resume ${run}`);
  const events = await runs.events("gone");
  assert.is(dataOf(events, "trajectory.ended").length, 1, "one item was answered");
  assert.is(dataOf(events, "reward.assigned").length, 0);
  server.fault = () => null;
  const resumed = runs.varft("eval", "--resume", run, "--json", "--runs", runs.folder("gone"));
  const { benchmarks } = resultOf(await resumed.ended);
  await server.close();
  assert.equal([benchmarks["direct"]?.["n"], benchmarks["direct"]?.["em"]], [text.length, 100]);
});

test("what a model fails at is told by cause", async () => {
  const [first, second] = text;
  const say = (body: ChatBody) => {
    const asked = lastText(body);
    if (asked.includes(first?.question)) return { text: "It is", finish: "length" };
    if (asked.includes(second?.question)) return { text: "", finish: "content_filter" };
    return { text: goldOf(body) };
  };
  const server = new TestChatServer({ say });
  const url = await server.open();
  const ending = await (await evaluate("causes", policyOf(url) + setOf("direct", "direct"))).ended;
  await server.close();
  const { direct } = resultOf(ending).benchmarks;
  assert.equal(direct?.["unansweredCauses"], { "token limit": 1, filtered: 1 });
  assert.is(Math.round(Number(direct?.["em"])), 33);
});

test("an agent acts over a chat server: MAT-Coding with programs, their faults counted", async () => {
  const turns = (body: ChatBody): number =>
    body.messages.filter(({ role }) => role === "assistant").length;
  const program = (code: string) =>
    `<think> t </think>\n<code>\n\`\`\`python\n${code}\n\`\`\`\n</code>`;
  const copy =
    "import cv2\ni = cv2.imread('path_to_input_image.jpg')\ncv2.imwrite('path_to_output_image.jpg', 255 - i)";
  const says = [
    program("raise ValueError('no')"),
    program(copy),
    "<think> t </think><answer> V V </answer>",
  ];
  const server = new TestChatServer({ say: (body) => ({ text: says[turns(body)] ?? "" }) });
  const url = await server.open();
  const set = `
[[sets]]
name = "acting"
type = "mat-coding"
file = "${files}/MAT-Benchmark/MAT-Coding.json"
tasks = 1
`;
  const ending = await (await evaluate("acting", policyOf(url) + set)).ended;
  await server.close();
  const { acting } = resultOf(ending).benchmarks;
  assert.equal([acting?.["n"], acting?.["em"], acting?.["toolCalls"]], [1, 100, 2]);
  assert.equal([acting?.["toolFaults"], acting?.["itemsWithToolFaults"]], [{ error: 1 }, 1]);
  const images = server.asked.map(({ messages }) =>
    messages.flatMap(({ content }) =>
      typeof content === "string" ? [] : content.filter(({ type }) => type === "image_url"),
    ),
  );
  assert.equal(
    images.map(({ length }) => length),
    [1, 1, 2],
    "the program's image is shown",
  );
  assert.equal(await runs.leftovers("acting"), []);
});

test("rows of one's own that fill several events are one set", async () => {
  const long = "word ".repeat(10_000);
  const rows = [0, 1, 2, 3, 4].map((at) => ({ ask: `Say ${at}.`, right: [`${at}`, long] }));
  const file = runs.folder("own.jsonl");
  await writeFile(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  const say = (body: ChatBody) => ({ text: /Say (\d)/.exec(lastText(body))?.[1] ?? "" });
  const server = new TestChatServer({ say });
  const url = await server.open();
  const set = `
[[sets]]
name = "own"
type = "mapped"
file = "${file}"
task = "search"
fields = { question = "ask", answers = "right" }
mode = "direct"
`;
  const ending = await (await evaluate("own", policyOf(url) + set)).ended;
  await server.close();
  const { own } = resultOf(ending).benchmarks;
  assert.equal([own?.["n"], own?.["em"], own?.["planned"]], [5, 100, 5]);
  const parts = dataOf(await runs.events("own"), "evaluation.started");
  assert.equal(
    parts.map(({ name, tasks }) => [name, tasks.length]),
    [
      ["own", 3],
      ["own", 2],
    ],
  );
});

const mini = (policy: string) => `
${policy}
[[sets]]
name = "singles"
type = "mini"
set = "singles"
tasks = 6

[rollout]
turns_max = 5
calls_max = 3
turn_tokens_max = 40
context_tokens_max = 256
rows_max = 8
${search.replace("hits = 2", "hits = 1")}`;

/** The words and ends of all trajectories. */
async function played(name: string) {
  return (await runs.events(name))
    .filter(({ type }) => type === "turn.sampled" || type === "trajectory.ended")
    .map(({ stream, type, data }) => {
      const { group } = parseTrajectory(stream) ?? {};
      const { ids, answer } = data as { ids?: Int32Array; answer?: string };
      return `${group} ${type} ${ids?.join() ?? ""} ${answer ?? ""}`;
    })
    .sort();
}

if (isBuilt) {
  /** The evaluation of an adapter: its name, and how many turns it has. */
  const learned = { run: "", turns: 0 };

  test("a checkpoint, an adapter on it, and the policy of another run", async () => {
    const base = `[policy]\ntype = "base"\ndirectory = "${checkpoint}"\n`;
    resultOf(await (await evaluate("base", mini(base))).ended);
    const adapter = runs.folder("adapter");
    const hash = await makeAdapter(adapter);
    const tuned = `[policy]\ntype = "adapter"\ndirectory = "${adapter}"\nbase = "${checkpoint}"\n`;
    const { policy } = resultOf(await (await evaluate("learned", mini(tuned))).ended);
    assert.is(policy, hash, "the policy is the adapter, by its hash");
    const turns = dataOf(await runs.events("learned"), "turn.sampled");
    for (const turn of turns) assert.is(turn.policy, hash, "every turn was sampled with it");
    assert.not.equal(await played("learned"), await played("base"), "and it says other things");
    const { run } = await runs.place("learned");
    Object.assign(learned, { run, turns: turns.length });
    const other = mini(`[policy]\ntype = "run"\nrun = "${run}"\n`);
    const folder = runs.folder("learned");
    const file = join(runs.folder("learned-config"), "eval-again.toml");
    await writeFile(file, other);
    const again = await runs.varft("eval", file, "--json", "--runs", folder).ended;
    assert.is(resultOf(again).policy, hash);
  });

  test("recomputed, it says whether its adapter is still the one of the folder", async () => {
    const { run, turns } = learned;
    const [folder, adapter] = [runs.folder("learned"), runs.folder("adapter")];
    const words = ["replay", run, "--recompute", "--json", "--runs", folder];
    const replay = async () => {
      const { code, out, err } = await runs.varft(...words).ended;
      const told = JSON.parse(out.at(-1) ?? "null") as {
        readonly notes: readonly string[];
        readonly comparisons: { readonly tokens: { readonly compared: number } };
      } | null;
      return { code, err, notes: told?.notes.join("\n"), turns: told?.comparisons.tokens.compared };
    };
    const hash = await makeAdapter(runs.folder("the same"));
    const whole = await replay();
    assert.equal([whole.code, whole.notes, whole.turns], [0, "", turns], whole.err);
    await rename(adapter, `${adapter}-away`);
    const away = await replay();
    assert.equal([away.code, away.turns], [0, turns], away.err);
    const taken = `the policy ${hash} is taken as it is recorded: the adapter folder ${adapter} that it`;
    assert.is(away.notes, `${taken} came from is not here`);
    const other = await makeAdapter(adapter, "another adapter");
    const changed = await replay();
    assert.is(changed.code, 3);
    const reason = `the adapter folder ${adapter} gives ${other}, the evaluation began with ${hash}; put`;
    assert.match(changed.err, reason);
    await writeFile(join(adapter, "adapter_config.json"), "{}");
    const broken = await replay();
    assert.is(broken.code, 3);
    assert.match(
      broken.err,
      `the adapter folder ${adapter} does not give the recorded policy ${hash}:`,
    );
    // A bundle's names are those of another host: what lies there now is not even looked at.
    const file = runs.folder("learned.varft.gz");
    const made = await runs.varft("bundle", run, "-o", file, "--runs", folder).ended;
    assert.is(made.code, 0, made.err);
    const verify = ["verify", file, "--recompute", "--model", checkpoint, "--json"];
    const { code, out, err } = await runs.varft(...verify).ended;
    assert.is(code, 0, err);
    const notes = (JSON.parse(out.at(-1) ?? "") as { replay: { notes: string[] } }).replay.notes;
    assert.ok(
      notes.some((note) => note.startsWith(`${taken} came from is not opened`)),
      notes.join(),
    );
  });

  test("a vLLM server that samples says what varft itself says of the same checkpoint", async () => {
    const model = await openEngineModel(checkpoint, untouched.rank, untouched.alpha);
    const server = new TestEngineServer({ server: "vllm", model });
    const url = await server.open();
    const base = `[policy]\ntype = "base"\ndirectory = "${checkpoint}"\n`;
    const engine = `
[rollout.engine]
type = "openai"
server = "vllm"
url = "${url}"
model = "${servedName}"
adapters = "${runs.folder("adapters")}"
`;
    const config = mini(base).replace("rows_max = 8\n", engine);
    resultOf(await (await evaluate("engine", config)).ended);
    await server.close();
    await model.close();
    assert.equal(await played("engine"), await played("base"));
  });
} else console.log(`skipped, ${checkpoint} is not built: adapters and runs as policies`);

test.run();
