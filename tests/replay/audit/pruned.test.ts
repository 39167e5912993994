// Goal: "pruned" is no word that hides what was taken away. What an honest prune took is well,
// whoever changes a word or a blob of it is found, and a prune that nobody signed never passes as
// proven.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HashName } from "../../../events/index.ts";
import { type AuditReport, verdictOf } from "../../../replay/index.ts";
import { newSigningKey } from "../../../storage/index.ts";
import { tinyConfig } from "../../actors/tiny-run.ts";
import {
  auditFiles,
  auditTables,
  type LooseEvent,
  madeConsistent,
  playedRun,
  type RunRecord,
  realRun,
  type Signed,
  signed,
  type Tables,
  tablesOf,
} from "./forge.ts";
import { callPruned, prunable, prune } from "./prune.ts";
import { find } from "./tampering.ts";

const test = suite("replay/audit: pruned blobs");
const rule = "gradients=last:1";
const key = newSigningKey();
const trustedKey = key.verifier.text;

interface Pruned {
  readonly record: RunRecord;
  readonly event: LooseEvent;
  /** What went, in the order of the ledger. */
  readonly gone: readonly HashName[];
  /** As they were before. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  readonly tables: Tables;
  readonly files: Signed;
}

/** A run that was pruned and signed by its head. */
async function honest(): Promise<Pruned> {
  const record = await realRun();
  const blobs = new Map(record.blobs);
  const gone = await prunable(record, rule);
  const event = await prune(record, rule);
  const tables = tablesOf(record);
  return { record, event, gone, blobs, tables, files: signed(tables, key) };
}

async function both(tables: Tables, files: Signed, say: (report: AuditReport) => void) {
  for (const report of [auditTables(tables, files), await auditFiles(tables, files)]) say(report);
}

/** The place (from 1) of the event that stored a gradient. */
const storedAt = ({ events }: RunRecord, name: string) =>
  1 + events.findIndex(({ data }) => data["gradient"] === name);

const first = ({ gone }: Pruned): HashName => {
  const [name] = gone;
  assert.ok(name, "something went");
  return name;
};

test("an honest prune is well, and told with its rule and its number", async () => {
  const { tables, files, record, gone } = await honest();
  assert.ok(gone.length >= 2, `${gone.length}`);
  await both(tables, files, ({ firstBad, pruned, checks }) => {
    assert.is(firstBad, null);
    assert.equal(pruned, [{ seq: record.events.length, rule, blobs: gone.length }]);
    assert.is(checks["prunes"], 1);
  });
});

test("a pruned blob that is put back as it was is well, and no longer gone", async () => {
  const all = await honest();
  all.tables.blobs.set(first(all), all.blobs.get(first(all)) ?? new Uint8Array());
  await both(all.tables, all.files, ({ firstBad, pruned }) => {
    assert.is(firstBad, null);
    assert.is(pruned[0]?.blobs, all.gone.length - 1);
  });
});

test("a pruned blob that is put back with other bytes is found, and its event named", async () => {
  const all = await honest();
  const { tables, files, record, blobs } = all;
  const name = first(all);
  for (const bytes of [
    Uint8Array.from(blobs.get(name) ?? []).fill(1, 3, 4),
    (blobs.get(name) ?? new Uint8Array()).slice(1),
    blobs.get(all.gone[1] ?? "") ?? new Uint8Array(),
  ]) {
    tables.blobs.set(name, bytes);
    await both(tables, files, ({ firstBad }) => {
      assert.is(firstBad?.seq, storedAt(record, name));
      assert.match(firstBad?.reason ?? "", `blobs: ${name}: its bytes are those of`);
    });
  }
});

const silenced: Readonly<Record<string, (record: RunRecord, event: LooseEvent) => void>> = {
  "is taken out": ({ events }) => events.pop(),
  "names others": (_, { data }) => {
    data["names"] = (data["names"] as Uint8Array).subarray(32);
  },
  "is turned into another": (_, event) => {
    event.type = "run.completed";
  },
};

for (const [what, change] of Object.entries(silenced)) {
  test(`where the event that says so ${what}, the blob is named that is gone without it`, async () => {
    const all = await honest();
    change(all.record, all.event);
    // Written and signed anew: whoever does that owns the key.
    const tables = tablesOf(all.record);
    await both(tables, signed(tables), ({ faults }) => {
      assert.is(faults["blobs"]?.seq, storedAt(all.record, first(all)));
      assert.match(faults["blobs"]?.reason ?? "", `blobs: ${first(all)}: it is not there`);
    });
  });
}

test("one more name in the event that was signed: its rule does not let it go, and the signature says so", async () => {
  const { record, event, files } = await honest();
  const last = find(record, "gradient.computed", -1).data["gradient"] as HashName;
  const bytes = Buffer.from(last.slice("sha256:".length), "hex");
  event.data["names"] = Buffer.concat([event.data["names"] as Uint8Array, bytes]);
  record.blobs.delete(last);
  await both(tablesOf(record), files, ({ firstBad, faults }) => {
    assert.match(firstBad?.reason ?? "", /^prunes: its rule "gradients=last:1" keeps/);
    assert.match(faults["checkpoints"]?.reason ?? "", /events 901 to 991 was changed/);
  });
});

test("a forged prune by the rules is consistent, and never proven", async () => {
  const record = await realRun();
  const before = tablesOf(record);
  const files = signed(before, key);
  await prune(record, rule);
  const tables = tablesOf(record);
  const alone = verdictOf(auditTables(tables, files), false);
  assert.equal([alone.ok, alone.origin], [true, "unproven"]);
  const report = auditTables(tables, files, { trustedKey });
  const { ok, origin, provenEvents } = verdictOf(report, true);
  assert.equal([ok, origin, provenEvents], [false, "unproven", before.head.size]);
  // Signed anew with another key it is refused.
  const forged = auditTables(tables, signed(tables), { trustedKey });
  assert.match(forged.firstBad?.reason ?? "", /none is signed by the trusted key/);
});

test("the prune of another run excuses nothing of this one", async () => {
  const other = await playedRun({ config: tinyConfig({ steps: 3, tasks: 4, seed: 4 }) });
  const foreign = await prunable(other, rule);
  const record = await realRun();
  const [own] = await prunable(record, rule);
  const event = callPruned(record, rule, foreign);
  record.blobs.delete(own ?? "");
  madeConsistent(record);
  const tables = tablesOf(record);
  await both(tables, signed(tables), ({ faults }) => {
    assert.is(faults["prunes"]?.seq, record.events.indexOf(event) + 1);
    assert.match(faults["prunes"]?.reason ?? "", /is none of the gradients/);
    assert.match(faults["blobs"]?.reason ?? "", `blobs: ${own}: it is not there`);
  });
  event.stream = "storage/other";
  madeConsistent(record);
  const { faults } = auditTables(tablesOf(record));
  assert.match(faults["authors"]?.reason ?? "", /it is of the run other, not of tiny/);
});

test("a blob that is stored again after its prune must be there again", async () => {
  const record = await realRun();
  const name = find(record, "gradient.computed").data["gradient"] as HashName;
  const place = record.events.indexOf(find(record, "policy.updated", 1)) + 1;
  callPruned(record, "gradients=none", [name], place);
  find(record, "gradient.computed", -1).data["gradient"] = name;
  madeConsistent(record);
  const tables = tablesOf(record);
  await both(tables, signed(tables), ({ faults }) => {
    assert.match(faults["blobs"]?.reason ?? "", `blobs: ${name}: it is not there`);
  });
});

test.run();
