// Goal: whoever knows the format and makes every total and seal anew is found all the same: by the
// grammar, by the audit of what the events say, or by what the bundle claims; and a whole new
// history by the key or the checkpoint that was kept elsewhere. Hostile content costs nothing.

import { hash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packMember, sealOf } from "../../../storage/bundle/gzip-members.ts";
import {
  type RecordKind,
  RecordParser,
  recordHead,
  recordKinds,
} from "../../../storage/bundle/records.ts";
import { BundleError, newSigningKey } from "../../../storage/index.ts";
import { realRun, signed, tablesOf, writeTables } from "../audit/forge.ts";
import {
  type BundledRun,
  bundledRun,
  bundleTo,
  changeManifest,
  contentOf,
  faultOf,
  type LooseRecord,
  recordsOf,
  verified,
  writeContent,
  writeRecords,
} from "./world.ts";

const test = suite("replay/bundle: its content");
let run: BundledRun;
let whole: readonly LooseRecord[] = [];
let file = "";

test.before(async () => {
  run = await bundledRun();
  whole = await recordsOf(run.file);
  file = join(run.folder, "changed.gz");
});
test.after(() => run.close());

const copy = (): LooseRecord[] =>
  whole.map(({ kind, payload }) => ({ kind, payload: Buffer.from(payload) }));

/** The record number `seen` (from 0) of a kind. */
function placeOf(records: readonly LooseRecord[], kind: RecordKind, seen = 0): number {
  const places = records.flatMap((one, index) => (one.kind === kind ? [index] : []));
  const place = places[seen];
  if (place === undefined) throw new Error(`there are no ${seen} records ${kind}`);
  return place;
}

/** What a verification says of the records, or what refuses them. */
async function told(records: readonly LooseRecord[]): Promise<string> {
  await writeRecords(file, records);
  try {
    return (await faultOf(file)) ?? "well";
  } catch (thrown) {
    if (thrown instanceof BundleError) return `${thrown.code}: ${thrown.message}`;
    throw thrown;
  }
}

type Change = (records: LooseRecord[]) => void;

const remove =
  (kind: RecordKind, seen: number, count = 1): Change =>
  (records) =>
    void records.splice(placeOf(records, kind, seen), count);
const twice =
  (kind: RecordKind, seen: number): Change =>
  (records) => {
    const at = placeOf(records, kind, seen);
    records.splice(at, 0, ...records.slice(at, at + 1));
  };
const swap =
  (kind: RecordKind, seen: number): Change =>
  (records) => {
    const at = placeOf(records, kind, seen);
    records.splice(at, 2, ...records.slice(at, at + 2).reverse());
  };
const flip =
  (kind: RecordKind, seen: number, at = -1): Change =>
  (records) => {
    const record = records[placeOf(records, kind, seen)];
    const place = at < 0 ? (record?.payload.length ?? 0) + at : at;
    if (record !== undefined) record.payload[place] = (record.payload[place] ?? 0) ^ 1;
  };
const put =
  (kind: RecordKind, payload: Buffer, before: RecordKind): Change =>
  (records) =>
    void records.splice(placeOf(records, before), 0, { kind, payload });
const manifest =
  (change: Parameters<typeof changeManifest>[1]): Change =>
  (records) =>
    changeManifest(records, change);

const zeros = "0".repeat(64);
const head = (name: string, size: number) => {
  const payload = Buffer.alloc(40);
  payload.write(name, "hex");
  payload.writeBigUInt64BE(BigInt(size), 32);
  return payload;
};

const cases: readonly (readonly [what: string, change: Change, says: RegExp])[] = [
  // Events.
  ["an event that is left out", remove("event", 400), /sequences: it is event \d+ of its stream/],
  ["the last event left out", remove("event", 989), /event 990 is missing|were signed/],
  ["an event that comes twice", twice("event", 400), /sequences|beyond the head|of the events/],
  ["two events that change places", swap("event", 400), /sequences|causes|trajectories|ids/],
  ["a byte of an event", flip("event", 500), /the latest image is|was changed/],
  ["an event that is none", put("event", Buffer.from("none"), "lease"), /events: |beyond the head/],
  ["an event of nothing", put("event", Buffer.alloc(0), "lease"), /events: |beyond the head/],
  // Leases and index.
  ["a lease that is left out", remove("lease", 0), /there is no such lease/],
  ["a lease that comes twice", twice("lease", 0), /malformed: .*the lease \S+ after/],
  ["two leases that change places", swap("lease", 0), /malformed: .*the lease \S+ after/],
  ["a lease that is none", put("lease", Buffer.from("a\nb"), "blob"), /a lease is not readable/],
  ["a lease of another run", put("lease", Buffer.from("zzz\n1\nhead"), "blob"), /no lease of this/],
  ["a lease of a stranger", put("lease", Buffer.from("zzz/tiny\n1\nme"), "blob"), /me holds it/],
  // Blobs.
  ["a blob that is left out", remove("blob", 0, 2), /it is not there/],
  ["a blob that comes twice", twice("blob", 1), /malformed: .*missing|the blob \S+ after/],
  ["a byte of a blob", flip("piece", 0), /its bytes are those of/],
  ["a blob's name", flip("blob", 0, 0), /malformed: .* after|it is not there/],
  ["a blob's size", flip("blob", 0, 39), /malformed: .*a piece of|are missing/],
  ["a blob of any size", put("blob", head(zeros, 2 ** 50), "blob"), /at most 1073741824/],
  ["a blob that nobody names", put("blob", head(zeros, 0), "blob"), /the events name/],
  ["a piece that nobody announced", put("piece", Buffer.from("x"), "blob"), /a piece of 1 bytes/],
  ["a blob that is said to be omitted", omitFirst, /it is not there/],
  // Parts.
  ["no manifest", remove("manifest", 0), /a record keys after the magic line/],
  ["two manifests", twice("manifest", 0), /a record manifest after manifest/],
  ["no keys", remove("keys", 0), /after manifest/],
  ["settings behind the events", put("settings", Buffer.from("{}"), "lease"), /after event/],
  ["an event behind the leases", put("event", Buffer.from("x"), "blob"), /a record event after/],
  ["no end", (records) => void records.pop(), /the end is missing/],
  ["two ends", (records) => void records.push(...records.slice(-1)), /a record end after end/],
  ["a checkpoint that is changed", flip("checkpoints", 0, 60), /checkpoints: /],
  ["checkpoints that are left out", remove("checkpoints", 0), /well/],
  ["checkpoints that are no text", put("checkpoints", Buffer.of(255), "settings"), /no UTF-8/],
  ["a key that is none", put("keys", Buffer.from("abc"), "keys"), /a record keys after keys/],
  // Claims.
  [
    "another run",
    manifest({ run: "other" }),
    /it says it is the run other, the events are of tiny/,
  ],
  ["a path for a run", manifest({ run: "../../etc" }), /the manifest does not fit: run/],
  ["a hidden run", manifest({ run: ".ssh" }), /the manifest does not fit: run/],
  ["fewer events", manifest({ events: 900 }), /beyond the head/],
  ["more events", manifest({ events: 1_000 }), /event 991 .*missing/],
  ["another chain", manifest({ chain: zeros }), /chain: |all events were signed/],
  ["another base", manifest({ base: `sha256:${zeros}` }), /it says the base/],
  ["an unfinished run", manifest({ state: "stopped" }), /it says that the run is stopped/],
  [
    "another numeric class",
    manifest({ numericClass: { code: "x", onnxruntime: "o", device: "d", sandbox: "s" } }),
    /another numeric class/,
  ],
  [
    "files of another model",
    manifest({ model: [{ file: "model.safetensors", bytes: 1, sha256: zeros }] }),
    /its list of the model's files is not the base's/,
  ],
  ["a key too many", manifest({ note: "trust me" } as object), /the manifest does not fit/],
];

function omitFirst(records: LooseRecord[]): void {
  const at = placeOf(records, "blob");
  const name = records[at]?.payload.subarray(0, 32) ?? Buffer.alloc(0);
  const payload = Buffer.concat([name, Buffer.from("trust me")]);
  records.splice(at, 2, { kind: "omitted", payload });
}

for (const [what, change, says] of cases) {
  test(`${what}: found and named`, async () => {
    const records = copy();
    change(records);
    assert.match(await told(records), says);
  });
}

test("the records as they are: well, and proven by a key from elsewhere", async () => {
  assert.is(await told(copy()), "well");
  const trust = { trustedKey: run.key.verifier.text };
  assert.is((await verified(run.file, trust)).proven, 990);
  const other = await faultOf(run.file, { trustedKey: newSigningKey().verifier.text });
  assert.match(other ?? "", /none is signed by the trusted key/);
});

test("a whole new history is consistent, and does not pass for the one that is known", async () => {
  const record = await realRun();
  const end = record.events.findLast(({ type }) => type === "run.completed");
  if (end !== undefined) end.trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const directory = join(run.folder, "rewritten");
  const tables = tablesOf(record);
  await writeTables(directory, tables, signed(tables));
  const rewritten = join(run.folder, "rewritten.gz");
  await bundleTo(directory, rewritten);
  assert.is((await verified(rewritten)).proven, 0);
  assert.is(await faultOf(rewritten), null);
  const byKey = await faultOf(rewritten, { trustedKey: run.key.verifier.text });
  assert.match(byKey ?? "", /none is signed by the trusted key/);
  const { notes } = signed(run.tables, run.key, 990);
  assert.match((await faultOf(rewritten, { trustedNotes: notes })) ?? "", /was changed/);
});

test("a history that was cut short is found by a later checkpoint", async () => {
  const records = copy().filter(({ kind }) => kind !== "checkpoints");
  const kept = signed(run.tables, run.key, 990).notes;
  const first = signed(run.tables, run.key, 500).notes.split("\n\n").slice(0, 2).join("\n\n");
  const at = placeOf(records, "event");
  const size = 500;
  const short = records.filter(({ kind }, index) => kind !== "event" || index < at + size);
  const hex = Buffer.from(first.split("\n")[2] ?? "", "base64").toString("hex");
  changeManifest(short, { events: size, chain: hex, state: "stopped" });
  await writeRecords(file, short);
  assert.match((await faultOf(file, { trustedNotes: kept })) ?? "", /and 990 were signed/);
});

test("content cut into pieces anyhow gives the same records", () => {
  const content = contentOf(whole.slice(0, 60));
  const places = fc.array(fc.nat(content.length), { maxLength: 30 });
  fc.assert(
    fc.property(places, (cuts) => {
      const parser = new RecordParser();
      const found: string[] = [];
      const ends = [...cuts.sort((a, b) => a - b), content.length];
      for (const [index, end] of ends.entries()) {
        for (const { kind, payload } of parser.push(content.subarray(ends[index - 1] ?? 0, end))) {
          found.push(`${kind} ${payload.length}`);
        }
      }
      parser.end();
      assert.equal(
        found,
        whole.slice(0, 60).map(({ kind, payload }) => `${kind} ${payload.length}`),
      );
    }),
  );
});

test("any content is refused with a typed error, and nothing else", async () => {
  const content = contentOf(copy());
  await fc.assert(
    fc.asyncProperty(fc.nat(content.length - 1), fc.nat(255), async (at, byte) => {
      if (content[at] === byte) return;
      const bytes = Buffer.from(content);
      bytes[at] = byte;
      await writeContent(file, bytes);
      await faultOf(file).then(
        () => assert.unreachable("it was read to its end"),
        (thrown) => assert.instance(thrown, BundleError),
      );
    }),
    { numRuns: 30 },
  );
});

test("a length is not believed, and a record is not waited for", () => {
  for (const kind of Object.keys(recordKinds) as RecordKind[]) {
    const parser = new RecordParser();
    const claims = recordHead(kind, recordKinds[kind].bytesMax + 1);
    const bytes = Buffer.concat([Buffer.from("varft bundle 1\n"), claims]);
    assert.throws(() => [...parser.push(bytes)], /at most \d+ are allowed/);
  }
  assert.throws(() => [...new RecordParser().push(Buffer.alloc(33, 97))], /it is no bundle/);
  const parser = new RecordParser();
  assert.equal([...parser.push(Buffer.from("varft"))], []);
  assert.throws(() => parser.end(), /ends within a record/);
});

test("a bundle of another version says so", async () => {
  await writeContent(file, Buffer.from("varft bundle 3\n"));
  const thrown = await faultOf(file).catch((error: unknown) => error);
  assert.is((thrown as BundleError).code, "bundle-version");
});

test("a member that inflates to more than it may", async () => {
  const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024));
  const member = await packMember(Buffer.alloc(10), "text");
  const packed = Buffer.concat([member.subarray(0, 20), bomb, Buffer.alloc(8)]);
  packed.writeUInt32LE(packed.length, 16);
  await writeFile(file, Buffer.concat([packed, sealOf(hash("sha256", packed, "buffer"))]));
  assert.match(String(await faultOf(file).catch(String)), /cannot be inflated to at most 1 MiB/);
});

test("a file whose members inflate to many times its size", async () => {
  const payload = Buffer.alloc(recordKinds.event.bytesMax);
  const nothing: LooseRecord = { kind: "event", payload };
  const records = copy();
  records.splice(placeOf(records, "event"), 0, ...Array<LooseRecord>(500).fill(nothing));
  assert.match(await told(records), /it inflates to more than 64 times its size/);
});

test.run();
