// Runs that earlier versions of varft have written, kept in a flat form: stored bytes, leases and
// blobs, msgpack, gzip. To keep one more:
//
//   node --import tsx tests/replay/keep-run.ts RUNS/RUN tests/fixtures/ledgers/NAME.gz
import { readFile } from "node:fs/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { decode, encode, hashName } from "../../events/index.ts";
import type { Lease } from "../../storage/index.ts";
import { decodeLoose, type RunRecord, type Tables, tablesOfRows } from "./audit/forge.ts";

const keptBytesMax = 16 * 1024 * 1024;

/** A run as it is kept. */
export interface KeptRun {
  readonly run: string;
  /** Stored bytes of the events, in global order. */
  readonly rows: readonly Uint8Array[];
  readonly leases: readonly Lease[];
  readonly blobs: readonly Uint8Array[];
}

/** The bytes of a kept run. */
export function packRun(run: KeptRun): Uint8Array {
  return gzipSync(encode(run, keptBytesMax), { level: 9 });
}

/** The tables of the run that `tests/fixtures/ledgers/<name>.gz` keeps. */
export async function keptRun(name: string): Promise<{ run: string; tables: Tables }> {
  const file = new URL(`../fixtures/ledgers/${name}.gz`, import.meta.url);
  const bytes = gunzipSync(await readFile(file));
  const { run, rows, leases, blobs } = decode(bytes, keptBytesMax) as KeptRun;
  const record: RunRecord = {
    run,
    events: rows.map((row) => decodeLoose(row)),
    leases: [...leases],
    blobs: new Map(blobs.map((blob) => [hashName(blob), blob])),
  };
  return { run, tables: tablesOfRows(record, rows) };
}
