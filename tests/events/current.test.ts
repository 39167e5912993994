// Goal: an event of a newer varft is refused by name, with what to do; one of an older varft that
// is not what its version wrote is refused, too.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  beganWith,
  currentEvent,
  EventSchemaError,
  EventVersionError,
} from "../../events/index.ts";
import { openMemoryLedger } from "../../storage/index.ts";
import { goldenEvent, goldenSamples } from "./golden-samples.ts";

const test = suite("events: current");

const turn = goldenSamples["turn.sampled"][1]?.[0]?.data ?? {};
const reward = goldenSamples["reward.assigned"][1]?.[0]?.data ?? {};

test("an event of today is handed on as it is", () => {
  const event = goldenEvent("turn.sampled", 1, turn);
  assert.is(currentEvent(event), event);
});

test("a version to come and an unknown type are refused", () => {
  const refused = (event: object, words: RegExp) => {
    const stored = { ...goldenEvent("turn.sampled", 1, turn), ...event };
    assert.throws(
      () => currentEvent(stored),
      (thrown: unknown) => thrown instanceof EventVersionError && words.test(thrown.message),
    );
  };
  refused({ v: 2 }, /turn\.sampled version 2, this varft knows it up to 1: read it with the varft/);
  refused({ v: 0 }, /turn\.sampled version 0/);
  refused({ type: "turn.dreamt" }, /a turn\.dreamt \(version 1\), a type that this varft does not/);
  refused({ type: "toString" }, /a type that this varft does not know/);
});

test("data that no version has written are refused by key", () => {
  const bad = [
    null,
    1,
    [],
    { ...reward, components: null },
    { ...reward, components: [null] },
    { ...reward, components: ["f1"] },
    { ...reward, extra: 1 },
  ];
  for (const data of bad) {
    const stored = { ...goldenEvent("reward.assigned", 1, {}), data };
    assert.throws(
      () => currentEvent(stored),
      (thrown: unknown) => thrown instanceof EventSchemaError,
    );
  }
});

test("a ledger's reader says which varft is needed", async () => {
  const ledger = await openMemoryLedger({ clock: () => 0 });
  const start = goldenSamples["run.started"][1]?.[0]?.data ?? {};
  const append = (command: string, type: string, v: number, data: unknown) =>
    ledger.append({
      ...{ command, by: "run", trace: null, blobs: [] },
      parts: [{ stream: "run/a", expected: null, epoch: 0, events: [{ type, v, data }] }],
    });
  await append("c1", "run.started", 1, { ...start, observed: { varft: "9.1.0" } });
  await append("c2", "run.completed", 7, {});
  const place = /event 2 of run\/a is run\.completed version 7, this varft knows it up to 1: /;
  const mend = /read it with varft 9\.1\.0, which began it, or a newer one/;
  for (const read of [() => ledger.readStream("run/a"), () => ledger.readAll(1)]) {
    const thrown = await read().catch((error: unknown) => error);
    assert.instance(thrown, EventVersionError);
    assert.match((thrown as Error).message, mend);
  }
  const thrown = await ledger.readStream("run/a").catch((error: unknown) => error);
  assert.match((thrown as Error).message, place);
  assert.is((await ledger.readRows(1)).length, 2);
  await ledger.close();
});

test("only the start of a run says who began it", () => {
  assert.is(beganWith(goldenEvent("turn.sampled", 1, turn)), null);
  assert.is(beganWith(goldenEvent("run.started", 1, { observed: { varft: 2 } })), null);
  assert.is(beganWith(goldenEvent("run.started", 1, { observed: { varft: "0.2.0" } })), "0.2.0");
});

test.run();
