// A real small run in a bundle; the bundle taken apart into its records, so that a test can change
// any of them and put it together again; and what a verification says of the outcome.
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EventData, hashName } from "../../../events/index.ts";
import { auditEvidence, bundleRun, claimFault } from "../../../replay/index.ts";
import { encodeTotals } from "../../../storage/bundle/grammar.ts";
import { MembersWriter, readPieces } from "../../../storage/bundle/members-file.ts";
import {
  type BundleVersion,
  magicLineOf,
  type RecordKind,
  RecordParser,
  recordHead,
  versions,
} from "../../../storage/bundle/records.ts";
import {
  type BundleManifest,
  newSigningKey,
  openEvidence,
  openLedgerReader,
  type SigningKey,
  unpackBundle,
} from "../../../storage/index.ts";
import { realRun, signed, type Tables, tablesOf, writeTables } from "../audit/forge.ts";

export const signal = new AbortController().signal;
const settings = '{ "run": "as it was begun" }\n';

/** A temporary folder with a run and its bundle. */
export interface BundledRun {
  readonly folder: string;
  readonly directory: string;
  readonly file: string;
  readonly tables: Tables;
  readonly key: SigningKey;
  close(): Promise<void>;
}

export async function bundledRun(): Promise<BundledRun> {
  const folder = await mkdtemp(join(tmpdir(), "varft-bundle-test-"));
  const directory = join(folder, "tiny");
  const [tables, key] = [tablesOf(await realRun()), newSigningKey()];
  await writeTables(directory, tables, signed(tables, key));
  const file = join(folder, "tiny.varft.gz");
  await bundleTo(directory, file);
  const close = () => rm(folder, { recursive: true, force: true });
  return { folder, directory, file, tables, key, close };
}

/** Makes a bundle of a run directory. @param adapter the folder of one that goes along */
export async function bundleTo(directory: string, file: string, adapter: string | null = null) {
  const [reader, handle] = [await openLedgerReader(directory), await open(file, "w")];
  try {
    return await bundleRun({
      directory,
      reader,
      run: "tiny",
      keys: await readFile(join(directory, "checkpoints.pub"), "utf8"),
      checkpoints: await readFile(join(directory, "checkpoints.txt"), "utf8"),
      settings,
      identityOf: async () => ({ model: null, madeBy: { varft: "0", code: "c", lockFile: null } }),
      adapterOf: adapter === null ? null : async () => adapter,
      file: handle,
      onProgress: () => {},
      signal,
    });
  } finally {
    await handle.close();
    await reader.close();
  }
}

/** A record that a test may change. */
export interface LooseRecord {
  kind: RecordKind;
  payload: Buffer;
}

export async function recordsOf(file: string): Promise<LooseRecord[]> {
  const handle = await open(file, "r");
  const parser = new RecordParser();
  const records: LooseRecord[] = [];
  for await (const piece of readPieces(handle)) {
    for (const { kind, payload } of parser.push(piece)) {
      records.push({ kind, payload: Buffer.from(payload) });
    }
  }
  await handle.close();
  return records;
}

/** The content of a bundle of `records`. */
export function contentOf(
  records: readonly LooseRecord[],
  version: BundleVersion = records.some(({ kind }) => kind === "adapter")
    ? versions.withAdapter
    : versions.plain,
): Buffer {
  return Buffer.concat([
    Buffer.from(magicLineOf(version)),
    ...records.flatMap(({ kind, payload }) => [recordHead(kind, payload.length), payload]),
  ]);
}

/** Writes records as whoever knows the format would: totals and seal are those of what is there. */
export async function writeRecords(file: string, records: readonly LooseRecord[]): Promise<void> {
  await writeContent(file, contentOf(withTotals(records)));
}

/** Writes content as a sealed file. */
export async function writeContent(file: string, content: Buffer): Promise<void> {
  const handle = await open(file, "w");
  const members = new MembersWriter(handle);
  await members.write(content);
  await members.end();
  await handle.close();
}

function withTotals(records: readonly LooseRecord[]): readonly LooseRecord[] {
  if (records.at(-1)?.kind !== "end") return records;
  const rest = records.slice(0, -1);
  const of = (kind: RecordKind) => rest.filter((one) => one.kind === kind);
  const totals = {
    content: hashName(contentOf(rest)),
    events: of("event").length,
    blobs: of("blob").length,
    omitted: of("omitted").length,
    blobBytes: ofBlobs(rest).reduce((sum, { payload }) => sum + payload.length, 0),
  };
  return [...rest, { kind: "end", payload: encodeTotals(totals) }];
}

/** The pieces of blobs: those of an adapter come behind all of them. */
function ofBlobs(records: readonly LooseRecord[]): readonly LooseRecord[] {
  const first = records.findIndex(({ kind }) => kind === "adapter");
  const blobs = first < 0 ? records : records.slice(0, first);
  return blobs.filter(({ kind }) => kind === "piece");
}

/** What a person brings from elsewhere. */
interface Trust {
  readonly trustedKey?: string;
  readonly trustedNotes?: string;
}

/**
 * What an audit of a bundle says, replay left out: null where all is well.
 * @throws {BundleError} where it is no whole bundle
 */
export async function faultOf(file: string, trust: Trust = {}): Promise<string | null> {
  return (await verified(file, trust)).fault;
}

/** The same, and how many events are proven. */
export async function verified(file: string, trust: Trust = {}) {
  const directory = await mkdtemp(join(tmpdir(), "varft-unpacked-"));
  const adapterDirectory = await mkdtemp(join(tmpdir(), "varft-adapter-"));
  const handle = await open(file, "r");
  try {
    const unpacked = await unpackBundle({
      file: handle,
      directory,
      adapterDirectory,
      settingsFile: "config.json",
      onRead: () => {},
      signal,
    });
    const text = (name: string) => readFile(join(directory, name), "utf8").catch(() => "");
    const evidence = await openEvidence(directory);
    const report = auditEvidence({
      evidence,
      checkpoints: {
        notes: await text("checkpoints.txt"),
        keys: await text("checkpoints.pub"),
        trustedKey: trust.trustedKey ?? null,
        trustedNotes: trust.trustedNotes ?? null,
      },
      wasRunning: unpacked.manifest.state === "running",
      now: () => performance.now(),
      onProgress: () => {},
    });
    await evidence.close();
    const reader = await openLedgerReader(directory);
    const [first] = await reader.readStream("run/tiny", 1, 1);
    await reader.close();
    const started = (first?.data as EventData<"run.started"> | undefined) ?? null;
    const { manifest, totals } = unpacked;
    const claim = claimFault({ manifest, totals, report, started });
    return { unpacked, fault: report.firstBad?.reason ?? claim, proven: report.provenEvents };
  } finally {
    await handle.close();
    for (const one of [directory, adapterDirectory]) {
      await rm(one, { recursive: true, force: true });
    }
  }
}

/** The manifest of records, changed. */
export function changeManifest(
  records: readonly LooseRecord[],
  change: Partial<BundleManifest>,
): void {
  const record = records.find(({ kind }) => kind === "manifest");
  if (record === undefined) throw new Error("there is a manifest");
  const manifest = { ...JSON.parse(record.payload.toString()), ...change };
  record.payload = Buffer.from(JSON.stringify(manifest));
}
