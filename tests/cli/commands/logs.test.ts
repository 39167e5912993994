// Goal: `logs` tells every event that was asked for once, in the order of the ledger, whole to
// scripts and on one line to people; a word that can name nothing is refused.
// Method: a small run, with a worker that died and more events than one page of a read holds.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { eventJson } from "../../../cli/commands/logs/event-line.ts";
import { eventWords } from "../../../cli/commands/logs/event-words.ts";
import { event, type HashName, packHashes, streams } from "../../../events/index.ts";
import { openLedger, pageRowsMax } from "../../../storage/index.ts";
import { goldenEvent, placedSamples } from "../../events/golden-samples.ts";
import { varft } from "../fake-terminal.ts";
import { writeSmallRun } from "../small-run.ts";

const test = suite("cli/logs");
let runs = "";
/** Events of the small run, and of the sandbox behind them. */
const [small, sandbox] = [70, 2 * pageRowsMax];

test.before(async () => {
  runs = await mkdtemp(join(tmpdir(), "varft-logs-"));
  await writeSmallRun(runs, "done");
  const ledger = await openLedger(join(runs, "done"), { clock: () => 1_700_000_100_000 });
  const append = async (id: string, ...events: readonly ReturnType<typeof event>[]) => {
    const parts = [{ stream: streams.actor(id), expected: null, epoch: 0, events }];
    await ledger.append({ command: id, by: "head", trace: null, blobs: [], parts });
  };
  const lastLines = ["cannot allocate\u001b[2J", "  at session.run"];
  const cause = "signal SIGKILL; last line:   at session.run";
  await append(
    "rollout-0",
    event("actor.ended", { role: "rollout", cause, observed: { lastLines } }),
  );
  const replaced = event("container.replaced", { waitMs: 1_500 });
  await append("sandbox", ...Array.from({ length: sandbox }, () => replaced));
  await ledger.close();
});

test.after(() => rm(runs, { recursive: true, force: true }));

/** Lines of standard output, and what else was said. */
async function told(...words: readonly string[]) {
  const { code, out, err } = await varft("logs", "done", ...words, "--runs", runs);
  return { code, err, lines: out.split("\n").slice(0, -1) };
}

/** The numbers of the events that were told. */
async function numbers(...words: readonly string[]): Promise<readonly number[]> {
  const { lines } = await told(...words, "--json");
  return lines.map((line) => JSON.parse(line).global);
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

test("every event is one line, in order; what a worker said last stands below its end", async () => {
  const { code, lines, err } = await told();
  assert.equal([code, err], [0, ""]);
  assert.is(lines.length, small + 1 + 2 + sandbox);
  assert.match(lines[0] ?? "", /^ {5}1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}run {17}run\.started /);
  assert.match(
    lines.join("\n"),
    /trajectory\/2\.0\.0 +tool\.called +turn 0 · python · import cv2 print/,
  );
  assert.match(
    lines.join("\n"),
    /judge +reward\.assigned +2\.0\.0 · reward 0\.95 · f1 1, format 1, calls 1/,
  );
  const end = lines.findIndex((line) => line.includes("actor.ended"));
  assert.match(
    lines[end] ?? "",
    /actor\/rollout-0 +actor\.ended +rollout · signal SIGKILL; last line/,
  );
  assert.equal(lines.slice(end + 1, end + 3), [
    "        | cannot allocate\ufffd[2J",
    "        |   at session.run",
  ]);
  assert.equal(await numbers(), range(1, small + 1 + sandbox));
});

test("types and streams are chosen by name, or by what the name begins with", async () => {
  const types = async (...words: readonly string[]) => {
    const { lines } = await told(...words, "--json");
    return [...new Set(lines.map((line) => JSON.parse(line).type))];
  };
  assert.equal(await types("--type", "tool"), ["tool.called", "tool.returned"]);
  assert.equal(await types("--type", "tool.called", "--type", "run"), [
    "run.started",
    "tool.called",
    "run.completed",
  ]);
  assert.equal(await types("--stream", "learner", "--type", "policy"), ["policy.updated"]);
  const [short, full] = [
    await numbers("--stream", "trajectory/2.1"),
    await numbers("--stream", "trajectory/done/2.1.0"),
  ];
  assert.is(short.length, 7);
  assert.equal(short, full);
  assert.equal(await numbers("--stream", "trajectory/2.1."), []);
  assert.equal(await numbers("--stream", "actor/rollout"), []);
});

test("it begins with an event, or with the last ones of those that were asked for", async () => {
  const end = small + 1 + sandbox;
  assert.equal(await numbers("--from", String(end - 2)), range(end - 2, end));
  const many = sandbox - 500;
  assert.equal(await numbers("--last", String(many)), range(end - many + 1, end));
  assert.equal(await numbers("--last", "1", "--type", "run.started"), [1]);
  assert.is((await numbers("--last", "4", "--stream", "trajectory")).length, 4);
  assert.equal(await numbers("--last", "9", "--type", "policy"), await numbers("--type", "policy"));
  assert.equal(await numbers("--last", "0"), []);
  assert.equal((await numbers("--last", "9999")).length, end);
});

test("a script gets the whole envelope, with numbers as lists and blobs by their hashes", async () => {
  const { lines } = await told("--json", "--type", "turn.sampled", "--last", "1");
  const { stream, seq, time, by, data } = JSON.parse(lines[0] ?? "");
  assert.equal([stream, seq, by], ["trajectory/done/2.2.0", 6, "test"]);
  assert.ok(time > 1_700_000_000_000);
  assert.equal(
    [data.ids, data.logProbs],
    [
      [1, 2],
      [-0.5, -1.5],
    ],
  );
  const names: readonly HashName[] = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`];
  const pruned = goldenEvent("blobs.pruned", 1, {
    rule: "gradients=none",
    names: packHashes(names),
  });
  assert.equal(JSON.parse(eventJson({ global: 7, event: pruned })).data.names, names);
});

test("every type has its words: one line, without what steers a terminal", () => {
  const control = new RegExp(`[${String.fromCharCode(0)}-\u001f\u007f-\u009f]`);
  for (const { type, data, today = data } of placedSamples()) {
    const words = eventWords({ type, data: today });
    assert.ok(words.length > 0 && words.length < 300, `${type}: ${words}`);
    assert.not.match(words, control);
    assert.not.match(words, /undefined|NaN|\[object/);
  }
  const hostile = { turn: 0, tool: "search", cause: "ok", text: "a\u001b[2J\n\tb", image: null };
  assert.is(
    eventWords({ type: "tool.returned", data: hostile }),
    "turn 0 · search · ok · a\ufffd[2J b",
  );
  const called = (input: string) =>
    eventWords({ type: "tool.called", data: { turn: 0, tool: "python", input, image: null } });
  assert.is(called("x".repeat(100)), `turn 0 · python · ${"x".repeat(100)}`);
  assert.is(called("x".repeat(101)), `turn 0 · python · ${"x".repeat(99)}…`);
  assert.is(called(`x${" ".repeat(5_000)}y`), "turn 0 · python · x…");
});

test("what can name nothing is refused; what names nothing here is said", async () => {
  const cases: readonly (readonly [words: readonly string[], said: string])[] = [
    [["--type", "tol"], 'there are no events "tol"; did you mean "tool"?'],
    [["--type", "turn.sample"], 'did you mean "turn.sampled"?'],
    [["--stream", "lerner"], 'there are no streams "lerner"; did you mean "learner"?'],
    [["--last", "x"], '--last wants a number of events, such as 20, not "x"'],
    [["--from", "-1"], "--from"],
    [["--from", "1.5"], "--from wants a number"],
    [["--from", "1", "--last", "1"], "give one of them"],
  ];
  for (const [words, said] of cases) {
    const { code, err, lines } = await told(...words);
    assert.equal([code, lines], [2, []], words.join(" "));
    assert.match(err, said);
  }
  const { code, err } = await told("--type", "blobs.pruned");
  assert.is(code, 0);
  assert.match(err, "No event of done is among what was asked for.");
});

test.run();
