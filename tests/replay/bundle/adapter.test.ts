// Goal: an adapter goes into a bundle and comes out of it byte for byte, as records of their own in
// a version of their own; whoever changes one is found by the form or by what the policy gives.
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeEnvelope, type EventData, hashName } from "../../../events/index.ts";
import { RowReader } from "../../../replay/bundle/row-reader.ts";
import { adapterFault, type LastPolicy } from "../../../replay/index.ts";
import { type RecordKind, versions } from "../../../storage/bundle/records.ts";
import { adapterFilesIn, unpackBundle } from "../../../storage/index.ts";
import {
  type BundledRun,
  bundledRun,
  bundleTo,
  contentOf,
  faultOf,
  type LooseRecord,
  recordsOf,
  signal,
  writeContent,
  writeRecords,
} from "./world.ts";

const test = suite("replay/bundle: an adapter");
const mebibyte = 2 ** 20;
const files: Readonly<Record<string, Buffer>> = {
  "adapter_config.json": Buffer.from('{ "peft_type": "LORA" }\n'),
  // Three pieces, the last one shorter.
  "adapter_model.safetensors": Buffer.alloc(2 * mebibyte + 77, "weights"),
  "varft-policy.json": Buffer.from("{}\n"),
};

let run: BundledRun;
let adapter = "";
let file = "";
let whole: readonly LooseRecord[] = [];

test.before(async () => {
  run = await bundledRun();
  adapter = join(run.folder, "adapter");
  await mkdir(adapter);
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(adapter, name), bytes);
  file = join(run.folder, "with-adapter.gz");
  await bundleTo(run.directory, file, adapter);
  whole = await recordsOf(file);
});
test.after(() => run.close());

test("it comes out as it went in, and the run beside it is well", async () => {
  const folder = await mkdtemp(join(tmpdir(), "varft-adapter-test-"));
  const handle = await open(file, "r");
  try {
    const [directory, adapterDirectory] = [join(folder, "run"), join(folder, "adapter")];
    for (const one of [directory, adapterDirectory]) await mkdir(one);
    const given = { file: handle, directory, adapterDirectory, settingsFile: "config.json" };
    const unpacked = await unpackBundle({ ...given, onRead: () => {}, signal });
    assert.equal(
      unpacked.adapter.map((one) => [one.file, one.bytes]),
      Object.entries(files).map(([name, { length }]) => [name, length]),
    );
    for (const [name, bytes] of Object.entries(files)) {
      assert.ok((await readFile(join(adapterDirectory, name))).equals(bytes), name);
    }
    assert.is(unpacked.totals.blobs, 18, "its pieces are no blobs");
  } finally {
    await handle.close();
    await rm(folder, { recursive: true, force: true });
  }
  assert.is(await faultOf(file), null);
});

test("only a bundle with one is of version 2: others are what they were", async () => {
  const versionOf = (records: readonly LooseRecord[]) =>
    contentOf(records).subarray(0, 15).toString();
  assert.is(versionOf(whole), "varft bundle 2\n");
  const plain = await recordsOf(run.file);
  assert.is(versionOf(plain), "varft bundle 1\n");
  const isOwn = ({ kind }: LooseRecord) => kind !== "end";
  assert.equal(whole.slice(0, plain.length - 1), plain.filter(isOwn), "all else is the same");
});

const copy = (): LooseRecord[] =>
  whole.map(({ kind, payload }) => ({ kind, payload: Buffer.from(payload) }));

/** Where the adapter's file number `n` begins. */
const placeOf = (records: readonly LooseRecord[], n = 0): number =>
  [...records.keys()].filter((index) => records[index]?.kind === "adapter")[n] ?? -1;

const record = (kind: RecordKind, payload: Buffer): LooseRecord => ({ kind, payload });
const head = (name: string, bytes: Buffer) => {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(bytes.length));
  const digest = Buffer.from(hashName(bytes).slice("sha256:".length), "hex");
  return record("adapter", Buffer.concat([digest, size, Buffer.from(name)]));
};
const [config, weights] = [Buffer.from("{}"), Buffer.from("w")];

const changes: readonly (readonly [
  what: string,
  change: (records: LooseRecord[], at: number) => void,
  says: RegExp,
])[] = [
  [
    "a byte of a file",
    (records, at) => {
      const piece = records[at + 1]?.payload;
      if (piece !== undefined) piece[3] = (piece[3] ?? 0) ^ 1;
    },
    /adapter_config.json has the hash sha256:\w+, it says sha256:/,
  ],
  ["a piece that is left out", (records, at) => records.splice(at + 4, 1), /a piece of|missing/],
  [
    "a file that is cut",
    (records, at) => records.splice(at + 1, 1),
    /of the adapter before it are/,
  ],
  [
    "a file by another name",
    (records, at) => records.splice(at, 2, head("../../.bashrc", config), record("piece", config)),
    /a file that is none of an adapter's/,
  ],
  [
    "a file of nothing",
    (records, at) => records.splice(at, 2, head("adapter_config.json", Buffer.alloc(0))),
    /the file adapter_config.json is empty/,
  ],
  [
    "a file that comes twice",
    (records, at) => records.splice(at, 0, ...records.slice(at, at + 2)),
    /the file adapter_config.json after adapter_config.json/,
  ],
  [
    "files in another order",
    (records, at) =>
      records.splice(at, 0, head(String(Object.keys(files)[1]), weights), record("piece", weights)),
    /the file adapter_config.json after adapter_model.safetensors/,
  ],
  [
    "a file that cannot be read",
    (records, at) => records.splice(at, 2, record("adapter", Buffer.alloc(40))),
    /a file is not readable/,
  ],
  [
    "a file before the blobs",
    (records) => {
      const at = records.findIndex(({ kind }) => kind === "blob");
      records.splice(at, 0, head("adapter_config.json", config), record("piece", config));
    },
    /a record blob after adapter/,
  ],
];

for (const [what, change, says] of changes) {
  test(`${what}: found and named`, async () => {
    const records = copy();
    change(records, placeOf(records));
    const changed = join(run.folder, "changed.gz");
    await writeRecords(changed, records);
    assert.match(String(await faultOf(changed).catch(String)), says);
  });
}

test("the version says whether there is one", async () => {
  const changed = join(run.folder, "changed.gz");
  const plain = await recordsOf(run.file);
  await writeContent(changed, contentOf(plain, versions.withAdapter));
  assert.match(
    String(await faultOf(changed).catch(String)),
    /a bundle of version 2 without an adapter/,
  );
  await writeContent(changed, contentOf(whole, versions.plain));
  assert.match(
    String(await faultOf(changed).catch(String)),
    /a bundle of version 1 holds no adapter/,
  );
});

test("the policy whose adapter goes along is the one that the bundle's events come to", async () => {
  const { rows } = run.tables;
  const events = [...rows.values()].map((row) => decodeEnvelope(row));
  const started = events[0]?.data as EventData<"run.started">;
  const reader = new RowReader(started);
  const seen: LastPolicy[] = [reader.lastPolicy];
  for (const [index, row] of [...rows.values()].entries()) {
    reader.blobsOf(row);
    if (events[index]?.type === "policy.updated") seen.push(reader.lastPolicy);
  }
  const learned = events.filter(({ type }) => type === "policy.updated");
  const named = learned.map(({ data }) => (data as EventData<"policy.updated">).policyAfter);
  assert.equal(
    seen,
    [started.policy, ...named].map((policy, step) => ({ step, policy })),
  );
});

test("it is held against what the policy gives, file by file", async () => {
  const derived = await adapterFilesIn(adapter);
  assert.is(adapterFault(derived, derived), null);
  assert.is(adapterFault(derived.slice(1), derived), "adapter_config.json is missing");
  const other = derived.map((one) =>
    one.file === "adapter_model.safetensors" ? { ...one, sha256: hashName(weights) } : one,
  );
  assert.match(
    adapterFault(other, derived) ?? "",
    /^adapter_model.safetensors is sha256:\w+, the last recorded policy gives sha256:/,
  );
});

test.run();
