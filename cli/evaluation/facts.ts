// What has to be looked up before an evaluation is a run: how many tasks its sets have, which
// checkpoint, which policy.
import { checkpointHash, EvidenceError } from "../../actors/index.ts";
import {
  type EvalConfig,
  type EvalFacts,
  type EvalSet,
  type publishedBenchmarks,
  untouched,
} from "../../config/index.ts";
import { adapterPolicy, openAdapter, readConfig } from "../../model/index.ts";
import { readDataset } from "../../tasks/index.ts";
import { UsageError } from "../errors.ts";
import { findPolicy } from "../evidence/index.ts";
import { runDirectory, withRun } from "../run/index.ts";

/** Bytes of tasks that one event is to hold; it has room for 256 KiB. */
const taskBytesMax = 160_000;
/** What an event needs for a task besides its texts: names of images, keys. */
const taskBytesExtra = 320;
const tasksPerEventMax = 500;
/** Stands where a checkpoint's folder would, for a model that only a server has. */
const noCheckpoint = "no-checkpoint";

/**
 * Looks everything up.
 *
 * @param runs the folder of the runs
 * @throws DatasetFileError, DatasetRowError, NotFoundError, AdapterError, UsageError
 */
export async function evalFacts(config: EvalConfig, runs: string): Promise<EvalFacts> {
  const policy = await policyFacts(config.policy, runs);
  const sets: EvalFacts["sets"][number][] = [];
  for (const set of config.sets) sets.push(await setFacts(set));
  return { ...policy, sets };
}

async function policyFacts(
  policy: EvalConfig["policy"],
  runs: string,
): Promise<Omit<EvalFacts, "sets">> {
  switch (policy.type) {
    case "base":
      return { directory: policy.directory, tune: untouched, policy: null };
    case "server":
      return { directory: noCheckpoint, tune: untouched, policy };
    case "adapter": {
      const { base, directory } = policy;
      const model = await readConfig(base);
      const { tuning } = await adapterPolicy(await openAdapter(directory, model), model);
      const { rank, alpha, scope } = tuning;
      const tune = { type: "lora" as const, rank, alpha, vision: scope === "all" };
      return { directory: base, tune, policy: { type: "adapter", directory } };
    }
    case "run":
      return learnedFacts(policy, runs);
  }
}

async function learnedFacts(
  given: Extract<EvalConfig["policy"], { readonly type: "run" }>,
  runs: string,
): Promise<Omit<EvalFacts, "sets">> {
  const run = await runDirectory(runs, given.run);
  const found = await withRun(runs, given.run, (reader, name) =>
    findPolicy(reader, name, given.step ?? null),
  );
  const directory = given.base ?? found.config.model.directory;
  const base = await checkpointHash(directory);
  if (base !== found.base) {
    throw new EvidenceError(
      `${directory} is ${base}, the run ${given.run} began with ${found.base}: name the folder of ` +
        "its own checkpoint by policy.base",
    );
  }
  const { step, policy, config } = found;
  return { directory, tune: config.tune, policy: { type: "run", run, step, policy } };
}

async function setFacts(set: EvalSet): Promise<EvalFacts["sets"][number]> {
  if (set.type === "mini") return { tasks: set.tasks, tasksPerEvent: tasksPerEventMax };
  const { file, images, badRowsAllowed } = set;
  const dataset = { file, images, badRowsAllowed };
  const { rows } = await readDataset(
    set.type === "mapped"
      ? { ...dataset, type: "mapped", task: set.task, fields: definedOnly(set.fields) }
      : { ...dataset, type: "rows" },
  );
  const wanted = set.type === "mapped" || set.type === "rows" ? null : taskOfBenchmark(set.type);
  const other = rows.find(({ task }) => wanted !== null && task !== wanted);
  if (other !== undefined) {
    throw new UsageError(
      `${file}:${other.line}: is no row of ${set.type}, as sets "${set.name}" says`,
    );
  }
  if (set.tasks !== undefined && set.tasks > rows.length) {
    throw new UsageError(`sets "${set.name}": ${file} has ${rows.length} rows, not ${set.tasks}`);
  }
  const largest = Math.max(...rows.map((row) => Buffer.byteLength(JSON.stringify(row))));
  const fitting = Math.floor(taskBytesMax / (largest + taskBytesExtra));
  const tasksPerEvent = Math.max(1, Math.min(tasksPerEventMax, fitting));
  return { tasks: set.tasks ?? rows.length, tasksPerEvent };
}

function taskOfBenchmark(benchmark: (typeof publishedBenchmarks)[number]): "coding" | "search" {
  return benchmark === "mat-coding" ? "coding" : "search";
}

type Defined<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

/** The keys that have a value. */
function definedOnly<T extends object>(given: T): Defined<T> {
  const kept = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as Defined<T>;
}
