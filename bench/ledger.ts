// Durable events per second of the ledger, beside the two limits measured in the same run: SHA-256
// over the same bytes, and LMDB writing the same rows with nothing around it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { streams } from "../events/index.ts";
import { type Ledger, openLedger, openMemoryLedger, verifyChain } from "../storage/index.ts";
import { hashLoop } from "./shared/hash-loop.ts";
import { type BenchOptions, type BenchRows, quantile, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 6;
const eventsMeasured = 100_000;

const streamCount = 100;
const eventsPerAppend = 8;
const ids = Int32Array.from({ length: 24 }, (_, index) => index * 131);

function turn(index: number): { type: string; v: number; data: unknown } {
  const policy = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  return { type: "turn.sampled", v: 1, data: { turn: index, policy, ids, finish: "stop" } };
}

/** Each stream appends again as soon as its last append is on disk. */
async function flood(ledger: Ledger, events: number): Promise<number> {
  const rounds = Math.ceil(events / streamCount / eventsPerAppend);
  const writer = async (sample: number): Promise<void> => {
    const stream = streams.trajectory("bench", 0, sample >> 3, sample & 7);
    for (let round = 0; round < rounds; round++) {
      await ledger.append({
        command: `c${round}`,
        by: "bench",
        trace: null,
        blobs: [],
        parts: [
          {
            stream,
            expected: round * eventsPerAppend,
            epoch: 0,
            events: Array.from({ length: eventsPerAppend }, (_, index) => turn(index)),
          },
        ],
      });
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: streamCount }, (_, sample) => writer(sample)));
  return (rounds * streamCount * eventsPerAppend * 1000) / (performance.now() - start);
}

async function oneByOne(ledger: Ledger, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    await ledger.append({
      command: `one${index}`,
      by: "bench",
      trace: null,
      blobs: [],
      parts: [{ stream: "run/bench", expected: index, epoch: 0, events: [turn(index)] }],
    });
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

/** LMDB alone: the event rows in batches of the size that the ledger commits. */
async function bareLmdb(directory: string, rows: readonly Uint8Array[]): Promise<number> {
  const root = open({ path: join(directory, "bare"), overlappingSync: false, encoding: "binary" });
  const events = root.openDB<Buffer, number>({ name: "events", encoding: "binary" });
  const start = performance.now();
  let inFlight: Promise<boolean> = Promise.resolve(true);
  for (let from = 0; from < rows.length; from += streamCount * eventsPerAppend) {
    const previous = inFlight;
    inFlight = events.batch(() => {
      for (const [index, row] of rows.slice(from, from + streamCount * eventsPerAppend).entries()) {
        void events.put(from + index + 1, Buffer.from(row.buffer, row.byteOffset, row.length));
      }
    });
    await previous;
  }
  await inFlight;
  const rate = (rows.length * 1000) / (performance.now() - start);
  await root.close();
  return rate;
}

async function readAllRows(ledger: Ledger): Promise<Uint8Array[]> {
  const rows: Uint8Array[] = [];
  while (true) {
    const page = await ledger.readRows(rows.length + 1);
    if (page.length === 0) return rows;
    for (const row of page) rows.push(row.bytes);
  }
}

/** Measures the ledger in a temporary directory. */
export async function rows({
  size: events = eventsMeasured,
}: BenchOptions = {}): Promise<BenchRows> {
  const directory = await mkdtemp(join(tmpdir(), "varft-bench-"));
  try {
    const memory = await openMemoryLedger({ clock: Date.now });
    const inMemory = await flood(memory, events);
    await memory.close();
    const ledger = await openLedger(join(directory, "run"), { clock: Date.now });
    const durable = await flood(ledger, events);
    const times = await oneByOne(ledger, 300);
    const stored = await readAllRows(ledger);
    const start = performance.now();
    const verdict = await verifyChain(ledger);
    const verified = (verdict.events * 1000) / (performance.now() - start);
    await ledger.close();
    const hashed = hashLoop(stored);
    const bare = await bareLmdb(directory, stored);
    const asked = { of: "value", min: 80_000 } as const;
    const sha256 = "a loop of SHA-256 over the same rows";
    return {
      "ledger.append8x100": row(durable, "events/s", {
        reference: inMemory,
        against: "the ledger in memory",
        reach: asked,
      }),
      "ledger.againstLmdb": row(durable, "events/s", {
        reference: bare,
        against: "the same rows put into LMDB, nothing around it",
      }),
      "ledger.againstSha256": row(durable, "events/s", { reference: hashed, against: sha256 }),
      "ledger.verifyChain": row(verified, "events/s", {
        reference: hashed,
        against: sha256,
        reach: { of: "ratio", min: 0.8 },
      }),
      "ledger.append1.p50": row(quantile(times, 0.5), "ms"),
      "ledger.append1.p99": row(quantile(times, 0.99), "ms"),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
