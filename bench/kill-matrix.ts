// The kill matrix, large: runs that are disturbed by the plan of a seed, in real processes and in
// one process, each held against the undisturbed one. What was played is kept in the record and not
// played again; docs/recovery.md tells what it comes to. `--case real:12` repeats one case.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureError } from "../events/index.ts";
import { SmallRuns } from "../tests/e2e/small-runs.ts";
import { playReal, playSimulated, Undisturbed } from "../tests/recovery/cases.ts";
import { recoveryPage } from "./kill-matrix/page.ts";
import {
  type CaseRecord,
  layers,
  recordOfFailure,
  recordOfReal,
  recordOfSimulated,
  totalOf,
} from "./kill-matrix/record.ts";
import { type BenchOptions, type BenchRows, row } from "./shared/row.ts";

/** How long it takes, about, where nothing has been played yet. */
export const seconds = 45 * 60;
export const onlyByName = true;

/** Cases of each layer; of the real one by default, of the simulated one. */
const realCases = 48;
const simulatedCases = 80;

const root = fileURLToPath(new URL("..", import.meta.url));
const recordFile = join(root, "bench", "records", "kill-matrix.json");
const pageFile = join(root, "docs", "recovery.md");

/** Plays what the record lacks. `size` is the number of cases of each layer. */
export async function rows(options: BenchOptions = {}): Promise<BenchRows> {
  const { size, case: only, tell = console.error } = options;
  const runs = await SmallRuns.open();
  try {
    const play = playerOf(runs);
    if (only !== undefined) return rowsOf([told(await play(only), tell)]);
    const records = [...(await readRecord())];
    const wanted = [
      ...namesOf("simulated", size ?? simulatedCases),
      ...namesOf("real", size ?? realCases),
    ];
    for (const name of wanted) {
      options.signal?.throwIfAborted();
      if (records.some((record) => record.name === name)) continue;
      records.push(told(await play(name), tell));
      await write(records);
    }
    return rowsOf(records);
  } finally {
    await runs.close();
  }
}

const namesOf = (layer: string, count: number) =>
  Array.from({ length: count }, (_, number) => `${layer}:${number}`);

function playerOf(runs: SmallRuns): (name: string) => Promise<CaseRecord> {
  const undisturbed = new Undisturbed();
  return async (name) => {
    const [layer, text] = name.split(":");
    const number = Number(text);
    try {
      if (layer === "real" && Number.isSafeInteger(number)) {
        return recordOfReal(name, await playReal(number, runs, await undisturbed.real(runs)));
      }
      if (layer === "simulated" && Number.isSafeInteger(number)) {
        return recordOfSimulated(name, await playSimulated(number, await undisturbed.simulated()));
      }
    } catch (thrown) {
      return recordOfFailure(name, ensureError(thrown).message);
    }
    throw new Error(`--case is real:N or simulated:N, not "${name}"`);
  };
}

function told(record: CaseRecord, tell: (line: string) => void): CaseRecord {
  const { name, faults, lost, doubled, fault } = record;
  const end = fault ?? `the undisturbed run's result, ${lost} lost, ${doubled} doubled`;
  tell(`${name}: ${faults.length} faults; ${end}`);
  return record;
}

async function readRecord(): Promise<readonly CaseRecord[]> {
  try {
    return JSON.parse(await readFile(recordFile, "utf8")) as readonly CaseRecord[];
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return [];
    throw thrown;
  }
}

/** Writes the record, one case a line, and what it comes to. */
export async function write(records: readonly CaseRecord[]): Promise<void> {
  const lines = records.map((record) => JSON.stringify(record));
  await writeFile(recordFile, `[\n${lines.join(",\n")}\n]\n`);
  await writeFile(pageFile, recoveryPage(await readFile(pageFile, "utf8"), records));
}

function rowsOf(records: readonly CaseRecord[]): BenchRows {
  const found: Record<string, BenchRows[string]> = {};
  const none = { reach: { of: "value", max: 0 } } as const;
  for (const layer of layers) {
    const { runs, faults, lost, doubled, failed } = totalOf(records, layer);
    if (runs === 0) continue;
    found[`recovery.${layer}.faults`] = row(faults, "faults");
    found[`recovery.${layer}.lost`] = row(lost, "events", none);
    found[`recovery.${layer}.doubled`] = row(doubled, "events", none);
    found[`recovery.${layer}.failed`] = row(failed, "runs", none);
  }
  return found;
}
