// What it costs that a run is evidence: the share of its time in which something waits for the
// disk, the bytes that it leaves behind, and how fast it is replayed and computed again, beside how
// fast it was played.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { type Ledger, openLedger } from "../storage/index.ts";
import { type Played, playRun } from "./shared/played-run.ts";
import { type BenchOptions, type BenchRows, row } from "./shared/row.ts";
import { type StoredBytes, storedBytes } from "./shared/stored-bytes.ts";

/** How long it takes, about. */
export const seconds = 60;
/** Steps of the run; a test plays fewer. */
const stepsMeasured = 8;

const run = "cost";
/** A replay's document is far smaller. */
const outputBytesMax = 16 * 1024 * 1024;

/** Measures one run. */
export async function rows({ size = stepsMeasured }: BenchOptions = {}): Promise<BenchRows> {
  const folder = await mkdtemp(join(tmpdir(), "varft-bench-cost-"));
  try {
    const watch = new Watch();
    const played = await playRun(folder, {
      run,
      steps: size,
      async openLedger(...args) {
        const ledger = await openLedger(...args);
        watch.over(ledger);
        return ledger;
      },
    });
    const replayed = await replay(folder);
    const recomputed = await replay(folder, "--recompute");
    return {
      ...timeRows(watch.waitedMs / 1_000, played, replayed, recomputed),
      ...byteRows(await storedBytes(join(folder, run))),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function timeRows(
  waitedSeconds: number,
  played: Played,
  replayed: Replayed,
  recomputed: Replayed,
): BenchRows {
  const against = "the run itself, its start included";
  return {
    "cost.ledger": row((100 * waitedSeconds) / played.seconds, "% of wall time"),
    "cost.replay": row(replayed.events / replayed.seconds, "events/s", {
      reference: replayed.events / played.seconds,
      against,
    }),
    "cost.recompute": row(recomputed.events / recomputed.seconds, "events/s", {
      reference: recomputed.events / played.seconds,
      against,
    }),
  };
}

function byteRows({ steps, turns, fileBytes, ...bytes }: StoredBytes): BenchRows {
  const { eventBytes, trajectoryBytes, blobBytes } = bytes;
  const perStep = (all: number) => row(all / steps / 1_024, "KiB/step");
  const kept = Object.values(blobBytes).reduce((sum, one) => sum + one, eventBytes);
  return {
    "cost.turn": row(trajectoryBytes / turns, "bytes/turn"),
    "cost.events": perStep(eventBytes),
    "cost.policies": perStep(blobBytes.policies),
    "cost.optimizers": perStep(blobBytes.optimizers),
    "cost.gradients": perStep(blobBytes.gradients),
    "cost.images": perStep(blobBytes.images),
    "cost.disk": row(fileBytes / steps / 1_024, "KiB/step", {
      reference: kept / steps / 1_024,
      against: "the events and blobs in it",
    }),
  };
}

/** The time in which anybody waited for a ledger to make something durable. */
class Watch {
  waitedMs = 0;
  #waiting = 0;
  #sinceMs = 0;

  over(ledger: Ledger): void {
    const append = ledger.append.bind(ledger);
    const acquireLease = ledger.acquireLease.bind(ledger);
    const put = ledger.blobs.put.bind(ledger.blobs);
    ledger.append = (request) => this.#during(append(request));
    ledger.acquireLease = (...args) => this.#during(acquireLease(...args));
    ledger.blobs.put = (bytes) => this.#during(put(bytes));
  }

  async #during<T>(work: Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) this.#sinceMs = performance.now();
    try {
      return await work;
    } finally {
      if (--this.#waiting === 0) this.waitedMs += performance.now() - this.#sinceMs;
    }
  }
}

const replayDocument = z.object({ ok: z.literal(true), events: z.number(), seconds: z.number() });
type Replayed = z.infer<typeof replayDocument>;

/** `varft replay`, as a person would start it. */
async function replay(runs: string, ...words: readonly string[]): Promise<Replayed> {
  const args = ["cli/varft.mjs", "replay", run, ...words, "--json", "--runs", runs];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    maxBuffer: outputBytesMax,
  });
  return replayDocument.parse(JSON.parse(stdout));
}
