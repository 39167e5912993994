// Goal: the ledger of a run of varft 0.1.0, as that version wrote it (a real one: two steps and two
// evaluations, Docker and onnxruntime behind it), opens, is audited, replays and compares.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { firstDifference, resultOfEvents } from "../../actors/index.ts";
import {
  currentEvent,
  decodeEnvelope,
  type EventData,
  type EventType,
  event,
} from "../../events/index.ts";
import { varft } from "../cli/fake-terminal.ts";
import { type LooseEvent, type Tables, tablesOf, writeTables } from "./audit/forge.ts";
import { keptRun } from "./kept-runs.ts";

const test = suite("replay: older versions");
const unsigned = { notes: "", keys: "" };
let runs = "";
let run = "";
let tables: Tables;

test.before(async () => {
  runs = await mkdtemp(join(tmpdir(), "varft-older-"));
  ({ run, tables } = await keptRun("varft-0.1.0"));
  await writeTables(join(runs, run), tables, unsigned);
});
test.after(() => rm(runs, { recursive: true, force: true }));

const call = (command: string, ...words: readonly string[]) =>
  varft(command, ...words, "--runs", runs);

const stored = () => [...tables.rows.values()].map((bytes) => decodeEnvelope(bytes));

test("what it holds is of versions that are no longer written", () => {
  const events = stored();
  assert.ok(events.every(({ v }) => v === 1));
  const planned = events.filter(({ type }) => type === "evaluation.planned");
  assert.ok(planned.length > 0 && planned.every(({ data }) => !("samples" in Object(data))));
  assert.ok(events.some(({ type, cause }) => type === "tool.returned" && cause === "ok"));
});

test("it is shown, with its evaluations and its trajectories", async () => {
  const { code, out } = await call("show", run, "--json");
  assert.is(code, 0);
  const shown = JSON.parse(out) as { steps: number; completed: boolean; stepFigures: unknown[] };
  assert.equal([shown.steps, shown.completed, shown.stepFigures.length], [2, true, 2]);
  assert.match((await call("show", run)).out, /rotation90\+blur +1 /);
  assert.is((await call("trajectory", run, "2.0.1")).code, 0);
  assert.match((await call("runs")).out, new RegExp(run));
});

test("it is consistent: chain, index, blobs and what events say, from the stored bytes", async () => {
  const { code, out } = await call("audit", run, "--json");
  assert.is(code, 0, out);
  const verdict = JSON.parse(out) as { events: number; checks: Record<string, number> };
  assert.is(verdict.events, tables.head.size);
  for (const check of ["chain", "events", "causes", "plans", "rewards", "blobs"]) {
    assert.ok((verdict.checks[check] ?? 0) > 0, check);
  }
});

test("it replays equal: rewards, evaluations, batches and every policy", async () => {
  const { code, out } = await call("replay", run, "--json");
  assert.is(code, 0, out);
  const verdict = JSON.parse(out) as { policies: number; comparisons: Record<string, object> };
  assert.is(verdict.policies, 2);
  assert.equal(verdict.comparisons["rewards"], { compared: 28, near: 0, differing: 0 });
});

test("its result is that of the same run as this version would have written it", () => {
  const read = stored().map((one) => currentEvent(one));
  const anew = read.map(({ type, data, ...rest }) => ({
    ...rest,
    ...event(type as EventType, data as EventData<EventType>),
  }));
  assert.ok(anew.some(({ v }) => v === 2));
  const [before, after] = [resultOfEvents(read), resultOfEvents(anew)];
  assert.is(firstDifference(before, after), null);
  assert.is(before.policies.length, 3);
});

test("diff tells it from a newer run by what came out, not by its version", async () => {
  const events = stored().map((one) => currentEvent(one) as LooseEvent);
  const index = events.findIndex(({ type }) => type === "reward.assigned");
  const em = Number(events[index]?.data["em"]);
  Object.assign(events[index]?.data ?? {}, { em: 1 - em });
  const { leases, blobs } = tables;
  const changed = tablesOf({ run, events, leases, blobs });
  await writeTables(join(runs, "newer"), changed, unsigned);
  const { code, out } = await call("diff", run, "newer", "--json");
  assert.is(code, 3);
  const diff = JSON.parse(out) as { partsAt: { reason: string; a: object }; settings: unknown[] };
  assert.is(diff.partsAt.reason, `reward.assigned: em is ${em} against ${1 - em}`);
  assert.equal(diff.partsAt.a, { seq: index + 1, type: "reward.assigned" });
  assert.equal(diff.settings, []);
});

test.run();
