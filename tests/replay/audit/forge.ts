// A run's ledger taken apart into its tables, so that a test can change any of them, put it
// together again, in memory or as LMDB files, and see what an audit says.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import {
  decodeEnvelope,
  type EventEnvelope,
  encode,
  encodeEnvelope,
  eventId,
  type HashName,
  hashName,
} from "../../../events/index.ts";
import { type AuditReport, auditEvidence } from "../../../replay/index.ts";
import {
  Chain,
  checkpointKeysFile,
  checkpointsFile,
  checkpointText,
  type Evidence,
  type Head,
  type Lease,
  MemoryDisk,
  newSigningKey,
  openEvidence,
  originOf,
  type SigningKey,
} from "../../../storage/index.ts";
import { startTinyRun, type TinyOptions, type TinyRun, tinyConfig } from "../../actors/tiny-run.ts";

/** An event that a test may change. */
export type LooseEvent = {
  -readonly [K in keyof EventEnvelope]: EventEnvelope[K];
} & { data: Record<string, unknown> };

/** What a run's ledger says. */
export interface RunRecord {
  run: string;
  events: LooseEvent[];
  leases: Lease[];
  blobs: Map<string, Uint8Array>;
}

/** The same as it is stored. */
export interface Tables {
  readonly run: string;
  readonly rows: Map<number, Uint8Array>;
  head: Head;
  /** `stream\nseq` → first global, count. */
  readonly streams: Map<string, [number, number]>;
  /** `stream\ncommand` → first seq, count. */
  readonly commands: Map<string, [number, number]>;
  leases: Lease[];
  readonly blobs: Map<string, Uint8Array>;
}

let made: Promise<RunRecord> | null = null;

/** A small real run, played once; every caller gets a copy. */
export async function realRun(): Promise<RunRecord> {
  made ??= playRun();
  return structuredClone(await made);
}

async function playRun(): Promise<RunRecord> {
  return playedRun({ config: tinyConfig({ steps: 3, tasks: 4 }) });
}

/** Plays a tiny run and takes its ledger apart. @param disturb while it goes on */
export async function playedRun(
  options: TinyOptions,
  disturb: (run: TinyRun) => Promise<void> = async () => {},
): Promise<RunRecord> {
  const disk = new MemoryDisk();
  const run = await startTinyRun({ ...options, disk });
  await disturb(run);
  await run.head.done;
  await run.close();
  const events = disk.rows.map((bytes) => decodeLoose(bytes));
  return {
    run: options.fork?.run ?? "tiny",
    events,
    leases: [...disk.leases.values()],
    blobs: disk.blobs,
  };
}

/** A stored event that a test may change. */
export function decodeLoose(bytes: Uint8Array): LooseEvent {
  return decodeEnvelope(bytes) as LooseEvent;
}

/** Numbers, ids and causes as they would be had these events been written in the first place. */
export function madeConsistent({ events }: RunRecord): void {
  const streams = new Map<string, { seq: number; command: string; index: number }>();
  const renamed = new Map<string, string>();
  for (const event of events) {
    const last = streams.get(event.stream) ?? { seq: 0, command: "", index: -1 };
    const index = last.command === event.command ? last.index + 1 : 0;
    const id = eventId(event.stream, event.command, index);
    renamed.set(event.id, id);
    event.id = id;
    event.seq = last.seq + 1;
    event.cause = renamed.get(event.cause ?? "") ?? event.cause;
    streams.set(event.stream, { seq: event.seq, command: event.command, index });
  }
}

/** Stores a record: chain, head and index follow from the events as they are. */
export function tablesOf(record: RunRecord): Tables {
  return tablesOfRows(
    record,
    record.events.map((event) => encodeEnvelope(event)),
  );
}

interface Part {
  readonly stream: string;
  readonly command: string;
  readonly rows: readonly [number, number][];
}

/** The same with the rows given; those that are no events are in no index. */
export function tablesOfRows(record: RunRecord, rows: readonly Uint8Array[]): Tables {
  const chain = new Chain();
  const tables: Tables = {
    run: record.run,
    rows: new Map(),
    head: { size: rows.length, hash: "" },
    streams: new Map(),
    commands: new Map(),
    leases: record.leases,
    blobs: record.blobs,
  };
  let last: Part = { stream: "", command: "", rows: [] };
  for (const [index, bytes] of rows.entries()) {
    chain.add(bytes);
    tables.rows.set(index + 1, bytes);
    const event = record.events[index];
    if (event === undefined) continue;
    const { stream, command, seq } = event;
    if (last.stream === stream && last.command === command) {
      for (const row of last.rows) row[1] += 1;
      continue;
    }
    const byStream: [number, number] = [index + 1, 1];
    const byCommand: [number, number] = [seq, 1];
    last = { stream, command, rows: [byStream, byCommand] };
    tables.streams.set(`${stream}\n${seq}`, byStream);
    tables.commands.set(`${stream}\n${command}`, byCommand);
  }
  tables.head = { size: rows.length, hash: Buffer.from(chain.hash).toString("hex") };
  return tables;
}

const rowsPerPage = 100;

/** Evidence in memory. */
export function memoryEvidence(tables: Tables): Evidence {
  const globals = [...tables.rows.keys()].sort((a, b) => a - b);
  const partOf = (row: [number, number] | undefined) =>
    row === undefined ? null : { first: row[0], count: row[1] };
  return {
    head: () => tables.head,
    rows: (from) =>
      globals
        .filter((global) => global >= from)
        .slice(0, rowsPerPage)
        .map((global) => ({ global, bytes: tables.rows.get(global) ?? new Uint8Array() })),
    streamRow: (stream, seq) => partOf(tables.streams.get(`${stream}\n${seq}`)),
    commandRow: (stream, command) => partOf(tables.commands.get(`${stream}\n${command}`)),
    tableSizes: () => ({ streams: tables.streams.size, commands: tables.commands.size }),
    leases: () => tables.leases,
    hasBlob: (name) => tables.blobs.has(name),
    blobFault(name, onBytes) {
      const bytes = tables.blobs.get(name);
      if (bytes === undefined) return "it is not there";
      onBytes(bytes.length);
      return hashName(bytes) === name ? null : `its bytes are those of ${hashName(bytes)}`;
    },
    close: async () => {},
  };
}

/** The files beside a ledger. */
export interface Signed {
  notes: string;
  keys: string;
}

/** Signs a ledger as its head would have: after every `every` events, and at its end. */
export function signed(tables: Tables, key: SigningKey = newSigningKey(), every = 100): Signed {
  const chain = new Chain();
  let notes = "";
  const origin = originOf(key.verifier.name, tables.run);
  for (let global = 1; global <= tables.head.size; global++) {
    chain.add(tables.rows.get(global) ?? new Uint8Array());
    if (global % every !== 0 && global !== tables.head.size) continue;
    const hash = Buffer.from(chain.hash).toString("hex");
    notes += `${key.sign(checkpointText({ origin, size: global, hash }))}\n`;
  }
  return { notes, keys: `${key.verifier.text}\n` };
}

/** What a person brings from elsewhere. */
export interface Trust {
  readonly trustedKey?: string;
  readonly trustedNotes?: string;
}

/** Audits tables in this process. */
export function auditTables(tables: Tables, files: Signed = signed(tables), trust: Trust = {}) {
  return auditEvidence({
    evidence: memoryEvidence(tables),
    checkpoints: { ...files, trustedKey: null, trustedNotes: null, ...trust },
    now: () => performance.now(),
    onProgress: () => {},
  });
}

/** Audits tables as real files. */
export async function auditFiles(tables: Tables, files: Signed): Promise<AuditReport> {
  const directory = await mkdtemp(join(tmpdir(), "varft-audit-"));
  try {
    await writeTables(directory, tables, files);
    const evidence = await openEvidence(directory);
    const checkpoints = { ...files, trustedKey: null, trustedNotes: null };
    const now = () => performance.now();
    const report = auditEvidence({ evidence, checkpoints, now, onProgress: () => {} });
    await evidence.close();
    return report;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const pair = (first: number, second: number) => {
  const row = Buffer.alloc(12);
  row.writeUInt32BE(Math.floor(first / 2 ** 32), 0);
  row.writeUInt32BE(first >>> 0, 4);
  row.writeUInt32BE(second, 8);
  return row;
};

/** Writes tables as the files of a run directory. */
export async function writeTables(directory: string, tables: Tables, files: Signed) {
  await mkdir(directory, { recursive: true });
  await writeLedger(join(directory, "ledger"), tables);
  await writeBlobs(join(directory, "blobs"), tables.blobs);
  await writeFile(join(directory, checkpointsFile), files.notes);
  await writeFile(join(directory, checkpointKeysFile), files.keys);
}

async function writeLedger(path: string, tables: Tables): Promise<void> {
  const root = open({ path, maxDbs: 8, encoding: "binary" });
  const table = (name: string, useVersions = false) =>
    root.openDB<Buffer, string | number | (string | number)[]>({
      name,
      encoding: "binary",
      useVersions,
    });
  const [events, streams, commands] = [table("events"), table("streams"), table("commands")];
  const [leases, meta] = [table("leases"), table("meta", true)];
  await root.transaction(() => {
    for (const [global, bytes] of tables.rows) void events.put(global, Buffer.from(bytes));
    for (const [key, [first, count]] of tables.streams) {
      const [stream = "", seq] = key.split("\n");
      void streams.put([stream, Number(seq)], pair(first, count));
    }
    for (const [key, [first, count]] of tables.commands) {
      void commands.put(key.split("\n"), pair(first, count));
    }
    for (const { name, epoch, holder } of tables.leases) {
      void leases.put(name, Buffer.from(encode({ epoch, holder })));
    }
    const { size, hash } = tables.head;
    void meta.put("head", Buffer.concat([pair(size, 0), Buffer.from(hash, "hex")]), 2 ** 32);
  });
  await root.close();
}

async function writeBlobs(path: string, blobs: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const root = open({ path, maxDbs: 8, encoding: "binary" });
  const rows = root.openDB<Buffer, Buffer>({ name: "rows", encoding: "binary" });
  const sizes = root.openDB<Buffer, Buffer>({ name: "sizes", encoding: "binary" });
  const rowBytes = 2 ** 20;
  await root.transaction(() => {
    for (const [name, bytes] of blobs) {
      const key = Buffer.from(name.slice("sha256:".length), "hex");
      for (let start = 0, index = 0; start < bytes.length; start += rowBytes, index++) {
        const place = Buffer.alloc(4);
        place.writeUInt32BE(index);
        const row = Buffer.from(bytes.subarray(start, start + rowBytes));
        void rows.put(Buffer.concat([key, place]), row);
      }
      const size = Buffer.alloc(6);
      size.writeUIntBE(bytes.length, 0, 6);
      void sizes.put(key, size);
    }
  });
  await root.close();
}

/** A blob's name that no blob has. */
export const noBlob: HashName = hashName(Buffer.from("never stored"));
