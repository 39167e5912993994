// What the ledger costs a run: the same small run with its ledger on the disk and in memory, all
// processes as always, compared step by step (equal runs do equal work in each step). And how many
// of its tool calls were answered by an equal one before.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openMemoryLedger } from "../storage/index.ts";
import { playRun } from "./shared/played-run.ts";
import { type BenchRows, quantile, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 45;

const steps = 8;
/** Steps in which processes and caches still get warm. */
const stepsIgnored = 1;

const withoutGradients = ["storage.gradient_bytes_max=0"];

/** Measures three runs. */
export async function rows(): Promise<BenchRows> {
  const folder = await mkdtemp(join(tmpdir(), "varft-bench-"));
  try {
    const { times: memory, remembered } = await play(folder, "memory", withoutGradients);
    const { times: disk } = await play(folder, "disk", withoutGradients);
    const { times: gradients } = await play(folder, "gradients", []);
    const perSecond = 1_000 / median(memory);
    const against = "the same run with its ledger in memory, step by step";
    const beside = (times: readonly number[], min: number) =>
      row(perSecond * shareOf(times, memory), "steps/s", {
        reference: perSecond,
        against,
        reach: { of: "ratio", min },
      });
    return {
      "run.ledger": beside(disk, 0.98),
      "run.ledgerWithGradients": beside(gradients, 0.95),
      "run.memo": row(100 * remembered, "% of calls"),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const median = (values: readonly number[]) =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

/** The speed of one run as a share of another's: the median over their steps. */
function shareOf(times: readonly number[], reference: readonly number[]): number {
  return median(reference.map((time, step) => time / (times[step] ?? Number.NaN)));
}

interface Times {
  /** Milliseconds of each step. */
  readonly times: readonly number[];
  readonly remembered: number;
}

async function play(
  folder: string,
  name: "memory" | "disk" | "gradients",
  changes: readonly string[],
): Promise<Times> {
  const { ends, remembered } = await playRun(folder, {
    run: `bench-${process.pid}-${name}`,
    steps,
    changes,
    ...(name === "memory" && { openLedger: (_, options) => openMemoryLedger(options) }),
  });
  const ended = ends.slice(1 + stepsIgnored);
  const times = ended.map((end, index) => end - (ends[index + stepsIgnored] ?? 0));
  return { times, remembered };
}
