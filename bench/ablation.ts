// What each ingredient of the recommended settings brings on the mini benchmark, and what the
// reference's faults cost: every arm trained through `varft train` with three seeds, and told in
// docs/results.md. It takes hours; stopped, it goes on where it was.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readRun } from "../cli/run/run-directory.ts";
import { arms, recommendedArm, seeds, steps } from "./ablation/arms.ts";
import { type PlannedRun, plannedRuns, playRuns, runThere } from "./ablation/play.ts";
import { type RunRecord, recordOf } from "./ablation/record.ts";
import { coverage, heldOutSvg, rewardSvg, withSection } from "./ablation/results-page.ts";
import { figureOf } from "./ablation/spread.ts";
import { tablesText } from "./ablation/tables.ts";
import { type BenchOptions, type BenchRows, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 2 * 3_600;
export const onlyByName = true;

const root = fileURLToPath(new URL("..", import.meta.url));
const recordsFile = join(root, "bench", "records", "ablation.json");
const pageFile = join(root, "docs", "results.md");
const heldOutFile = join(root, "docs", "ablation-held-out.svg");
const rewardFile = join(root, "docs", "ablation-reward.svg");

/**
 * Plays the runs that are not there yet, below `runs`/ablation, and writes what all of them say.
 * `size` is the number of seeds.
 */
export async function rows(options: BenchOptions = {}): Promise<BenchRows> {
  const { runs = "runs", size = seeds.length, signal = new AbortController().signal } = options;
  const tell = options.tell ?? console.error;
  const planned = plannedRuns(join(runs, "ablation"), arms, seeds.slice(0, size));
  await playRuns(planned, { tell, signal });
  const records = await recordsOf(planned);
  await write(records);
  return rowsOf(records);
}

/** The records of the runs that are complete. */
async function recordsOf(planned: readonly PlannedRun[]): Promise<readonly RunRecord[]> {
  const records: RunRecord[] = [];
  for (const one of planned) {
    const there = await runThere(one);
    if (there === null || !there.completed) continue;
    const { log } = await readRun(one.runs, there.run, { whole: true });
    records.push(recordOf(log, { arm: one.arm.name, seed: one.seed }));
  }
  return records;
}

async function write(records: readonly RunRecord[]): Promise<void> {
  const kept = { steps, arms, runs: records };
  await mkdir(dirname(recordsFile), { recursive: true });
  await writeFile(recordsFile, `${JSON.stringify(kept, null, 1)}\n`);
  await writeFile(heldOutFile, heldOutSvg(arms, records));
  await writeFile(rewardFile, rewardSvg(arms, records));
  const section = [coverage(arms, records), "", tablesText(arms, records)].join("\n");
  await writeFile(pageFile, withSection(await readFile(pageFile, "utf8"), `\n${section}\n`));
}

function rowsOf(records: readonly RunRecord[]): BenchRows {
  const mean = (arm: string) =>
    figureOf(
      records.filter((record) => record.arm === arm),
      ({ after }) => after.main.right,
    )?.mean ?? Number.NaN;
  const reference = mean(recommendedArm);
  const against = "the recommended settings";
  return Object.fromEntries(
    arms.map(({ name }) => [
      `ablation.${name}`,
      row(mean(name), "% right", { reference, against }),
    ]),
  );
}
