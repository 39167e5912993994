// Goal: what a chain alone cannot show, a signature does: a ledger that was cut short, or written
// anew as a whole. And without a key or a checkpoint from elsewhere nothing passes as proven.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashName } from "../../../events/index.ts";
import { type AuditReport, verdictOf } from "../../../replay/index.ts";
import { cutNotes, newSigningKey } from "../../../storage/index.ts";
import {
  auditTables,
  madeConsistent,
  type RunRecord,
  realRun,
  signed,
  type Tables,
  tablesOf,
} from "./forge.ts";

const test = suite("replay/audit: origin");
const [key, stranger] = [newSigningKey(), newSigningKey()];
const trustedKey = key.verifier.text;

/** The run as it was, and as its head has signed it. */
async function honest() {
  const record = await realRun();
  const tables = tablesOf(record);
  const files = signed(tables, key);
  const { notes } = cutNotes(files.notes);
  return { record, tables, files, notes, last: notes.at(-1) ?? "" };
}

/** Ends the ledger after `size` events, as if no more had happened. */
function cutShort(record: RunRecord, size: number): Tables {
  record.events.splice(size);
  return tablesOf(record);
}

/** Another history of the same run: a better evaluation. */
function rewrite(record: RunRecord): Tables {
  for (const { type, data } of record.events) {
    if (type !== "evaluation.completed") continue;
    data["summary"] = { ...(data["summary"] as object), em: 100 };
  }
  madeConsistent(record);
  return tablesOf(record);
}

function refused(report: AuditReport, seq: number, reason: RegExp): void {
  assert.is(report.firstBad?.seq, seq, JSON.stringify(report.firstBad));
  assert.match(report.firstBad?.reason ?? "", reason);
  const { ok, origin } = verdictOf(report, false);
  assert.equal([ok, origin], [false, "unproven"]);
}

test("without anything from elsewhere a good run is consistent, and not proven", async () => {
  const { tables, files } = await honest();
  const report = auditTables(tables, files);
  const verdict = verdictOf(report, false);
  assert.equal([verdict.ok, verdict.origin, verdict.provenEvents], [true, "unproven", 0]);
  assert.is(verdictOf(report, true).ok, false, "that is not enough under --strict");
});

test("the key or the last checkpoint, kept elsewhere, proves all of it", async () => {
  const { tables, files, last } = await honest();
  for (const trust of [
    { trustedKey },
    { trustedNotes: last },
    { trustedKey, trustedNotes: last },
  ]) {
    const report = auditTables(tables, files, trust);
    const { ok, origin, provenEvents } = verdictOf(report, true);
    assert.equal([ok, origin, provenEvents], [true, "proven", tables.head.size]);
  }
  const alone = auditTables(tables, { notes: "", keys: "" }, { trustedNotes: last });
  assert.is(verdictOf(alone, true).ok, true, "a kept checkpoint needs no other");
});

test("an earlier checkpoint proves what was there then, and no more", async () => {
  const { tables, files, notes } = await honest();
  const report = auditTables(tables, files, { trustedNotes: notes[1] ?? "" });
  const { ok, origin, provenEvents } = verdictOf(report, false);
  assert.equal([ok, origin, provenEvents], [true, "unproven", 200]);
  assert.is(verdictOf(report, true).ok, false);
});

test("events after the last checkpoint are not proven by the key", async () => {
  const { tables, files, notes } = await honest();
  const early = { ...files, notes: notes.slice(0, 3).join("\n") };
  const { ok, origin, provenEvents } = verdictOf(auditTables(tables, early, { trustedKey }), false);
  assert.equal([ok, origin, provenEvents], [true, "unproven", 300]);
});

test("a ledger that was cut short is shorter than what was signed", async () => {
  const { record, files, last } = await honest();
  const tables = cutShort(record, 500);
  refused(auditTables(tables, files), 501, /the ledger ends after event 500, and 990 were signed/);
  // The checkpoints beside it cut short as well: only what lies elsewhere still tells.
  const early = { ...files, notes: cutNotes(files.notes).notes.slice(0, 5).join("\n") };
  assert.is(verdictOf(auditTables(tables, early), false).origin, "unproven");
  refused(auditTables(tables, early, { trustedNotes: last }), 501, /and 990 were signed/);
});

test("a history that was written anew is not the one that was signed", async () => {
  const { record, files, last } = await honest();
  const tables = rewrite(record);
  refused(auditTables(tables, files), 1, /one of the events 1 to 100 was changed/);
  refused(auditTables(tables, { notes: "", keys: "" }, { trustedNotes: last }), 1, /was changed/);
});

test("a history written and signed anew with another key never passes as proven", async () => {
  const { record, last } = await honest();
  const tables = rewrite(record);
  const forged = signed(tables, stranger);
  const alone = verdictOf(auditTables(tables, forged), false);
  assert.equal([alone.ok, alone.origin], [true, "unproven"], "by itself it is consistent");
  refused(auditTables(tables, forged, { trustedKey }), 0, /none is signed by the trusted key/);
  refused(auditTables(tables, forged, { trustedNotes: last }), 1, /was changed/);
});

test("a checkpoint forged with another key is not one of the run's", async () => {
  const { tables, files } = await honest();
  const notes = files.notes + signed(tables, stranger).notes;
  refused(auditTables(tables, { ...files, notes }), 0, /none of its keys signed one/);
});

test("a changed checkpoint is refused: its size, its hash, its signature, its name", async () => {
  const { tables, files, last } = await honest();
  const [origin = "", size = "", hash = ""] = last.split("\n");
  const other = Buffer.from(hashName(Buffer.from("x")).slice(7), "hex").toString("base64");
  const changes: readonly (readonly [string, string])[] = [
    [`\n${size}\n`, `\n${Number(size) - 1}\n`],
    [hash, other],
    [origin, `${origin}x`],
  ];
  for (const [from, to] of changes) {
    const notes = files.notes.replace(last, last.replace(from, to));
    refused(auditTables(tables, { ...files, notes }), 0, /is not its key's/);
  }
  const cut = files.notes.replace("— varft", "- varft");
  refused(auditTables(tables, { ...files, notes: cut }), 0, /one cannot be read/);
});

test("a checkpoint of another run is told as such", async () => {
  const { tables, files } = await honest();
  const others = signed({ ...tables, run: "other" }, key).notes;
  const notes = files.notes + others;
  refused(auditTables(tables, { ...files, notes }), 0, /one is of another ledger: .*other/);
  const kept = cutNotes(others).notes.at(-1) ?? "";
  refused(auditTables(tables, files, { trustedNotes: kept }), 0, /of another ledger/);
});

test("nothing in a checkpoint of another run is said of this one's events", async () => {
  const { record, files, last } = await honest();
  const others = signed({ ...rewrite(record), run: "other" }, key).notes;
  const kept = cutNotes(others).notes.at(-1) ?? "";
  const { tables } = await honest();
  assert.not.equal(kept.split("\n")[2], last.split("\n")[2], "it signs another history");
  refused(auditTables(tables, files, { trustedNotes: kept }), 0, /of another ledger: .*other/);
  const short = cutShort((await honest()).record, 500);
  const early = { ...files, notes: cutNotes(files.notes).notes.slice(0, 5).join("\n") };
  refused(auditTables(short, early, { trustedNotes: kept }), 0, /of another ledger: .*other/);
});

test("another run's record, however well signed, proves nothing of the name it lies under", async () => {
  const { tables, files } = await honest();
  const report = auditTables(tables, files, { trustedKey });
  const as = (name: string, strict: boolean) => verdictOf(report, strict, name);
  const { run } = tables;
  assert.equal([as(run, true).ok, as(run, true).origin], [true, "proven"]);
  const other = as("better-run", true);
  assert.equal([other.ok, other.origin, other.run], [false, "unproven", run]);
  assert.is(as("better-run", false).ok, true, "it is consistent all the same");
});

test("with a trusted key, a kept checkpoint counts only if that key has signed it", async () => {
  const { tables, files } = await honest();
  const kept = cutNotes(signed(tables, stranger).notes).notes.at(-1) ?? "";
  const trust = { trustedKey, trustedNotes: kept };
  refused(auditTables(tables, files, trust), 0, /none of its keys signed one/);
});

test("what lies beside the ledger as a key and is none is told", async () => {
  const { tables, files } = await honest();
  refused(
    auditTables(tables, { ...files, keys: "no key\n" }),
    0,
    /a key beside the ledger is none/,
  );
});

test("checkpoints that were left half by a power cut are no tampering", async () => {
  const { tables, files } = await honest();
  const notes = `${files.notes}varft/torn/tiny\n12`;
  assert.is(auditTables(tables, { ...files, notes }).firstBad, null);
});

test.run();
