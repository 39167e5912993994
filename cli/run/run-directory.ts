// Runs as directories under the runs folder: names, and reading what is in them.
import { access, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { nearest, type RunConfig, restoreRunConfig } from "../../config/index.ts";
import { type EventEnvelope, streams } from "../../events/index.ts";
import {
  checkpointKeysFile,
  checkpointsFile,
  type LedgerReader,
  openLedgerReader,
} from "../../storage/index.ts";
import { NotFoundError } from "../errors.ts";
import { RunLog } from "./run-log.ts";

/** The configuration that a run was begun with. */
export const configFile = "config.json";
/** Counts the queries that a run has paid for. */
export const budgetFile = "search-queries";
/** What a run directory holds besides its ledger and blobs, and a copy of it has to hold. */
export const filesBeside = [configFile, checkpointsFile, checkpointKeysFile, budgetFile];
/** In the runs folder: the key that signs checkpoints, and beside it its public half. */
const signingKeyFile = "signing-key";

/** The names of the runs in `runs`, in byte order. */
export async function runNames(runs: string): Promise<readonly string[]> {
  const entries = await readdir(runs, { withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory() && (await exists(join(runs, entry.name, "ledger")))) {
      names.push(entry.name);
    }
  }
  return names.sort();
}

/** The directory of a run. @throws {NotFoundError} with the nearest name */
export async function runDirectory(runs: string, run: string): Promise<string> {
  const directory = join(runs, run);
  if (run !== "" && (await exists(join(directory, "ledger")))) return directory;
  const names = await runNames(runs);
  const near = nearest(run, names);
  const known = names.length === 0 ? "there are none" : `known: ${names.slice(-8).join(", ")}`;
  const mend = near === null ? known : `did you mean "${near}"?`;
  throw new NotFoundError(`there is no run "${run}" in ${runs}; ${mend}`);
}

/** `config/quickstart.toml` at 15:03:12 → `quickstart-20261122-150312`. */
export function newRunName(config: string, clockMs: number): string {
  const stem = basename(config, ".toml").replaceAll(/[^A-Za-z0-9_-]/g, "-");
  const date = new Date(clockMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  const time = `${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
  return `${stem}-${day}-${time}`;
}

/**
 * Makes the directory of a new run, and keeps its configuration there for a resume; null: the run
 * finds it in its ledger, without which it cannot go on.
 */
export async function makeRunDirectory(
  runs: string,
  name: string,
  config: RunConfig | null,
): Promise<{ readonly run: string; readonly directory: string }> {
  await mkdir(runs, { recursive: true });
  for (let copy = 1; ; copy++) {
    const run = copy === 1 ? name : `${name}-${copy}`;
    const directory = join(runs, run);
    try {
      await mkdir(directory);
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST") continue;
      throw thrown;
    }
    if (config === null) return { run, directory };
    const draft = join(directory, `${configFile}.partial`);
    await writeFile(draft, `${JSON.stringify(config, null, 2)}\n`);
    await rename(draft, join(directory, configFile));
    return { run, directory };
  }
}

/** The configuration that was kept in a run's directory; null where none was. */
export async function keptConfigOf(runs: string, run: string): Promise<RunConfig | null> {
  const kept = await readFile(join(runs, run, configFile), "utf8").catch(() => null);
  return kept === null ? null : restoreRunConfig(JSON.parse(kept) as Record<string, unknown>);
}

/** The configuration that a run was begun with. */
export async function runConfigOf(runs: string, run: string): Promise<RunConfig> {
  const kept = await keptConfigOf(runs, run);
  if (kept !== null) return kept;
  const { log } = await readRun(runs, run);
  if (log.started !== null) return restoreRunConfig(log.started.config);
  throw new NotFoundError(`the run "${run}" was never started: start it anew with varft train`);
}

/** The file of the key that signs a run's checkpoints. */
export function signingKeyOf(directory: string, { storage }: RunConfig): string {
  return storage.signingKey ?? join(dirname(directory), signingKeyFile);
}

/** The checkpoints that lie in a run directory, as text. */
export async function checkpointsOf(directory: string): Promise<string> {
  return readFile(join(directory, checkpointsFile), "utf8").catch(() => "");
}

/** What is read of a run besides its plan and evaluations. */
export interface ReadRunOptions {
  /** Batches, gradients and policies. */
  readonly learner?: boolean;
  /** Every event, those of all trajectories included. */
  readonly whole?: boolean;
  /** Takes each of them, too. */
  readonly onEvent?: (event: EventEnvelope) => void;
}

/** A run's log, from the streams that are needed and no others. */
export async function readRun(
  runs: string,
  run: string,
  { learner = false, whole = false, onEvent = () => {} }: ReadRunOptions = {},
): Promise<{ readonly log: RunLog; readonly name: string }> {
  return withRun(runs, run, async (reader, name) => {
    const log = new RunLog();
    const add = (event: EventEnvelope): void => {
      log.add(event);
      onEvent(event);
    };
    if (whole) {
      await eachEvent(reader, add);
      return { log, name };
    }
    const take = async (stream: string) => {
      for (const event of await reader.readStream(stream)) add(event);
    };
    await take(streams.run(name));
    for (const stream of await reader.listStreams(`evaluation/${name}/`)) await take(stream);
    if (learner) await take(streams.learner(name));
    return { log, name };
  });
}

/** Hands every event of a ledger to `take`, in global order. */
export async function eachEvent(
  reader: Pick<LedgerReader, "readAll">,
  take: (event: EventEnvelope) => void,
): Promise<void> {
  for (let next = 1; ; ) {
    const page = await reader.readAll(next);
    const last = page.at(-1);
    if (last === undefined) return;
    for (const { event } of page) take(event);
    next = last.global + 1;
  }
}

/** Opens a run's ledger for reading, as long as `use` takes. */
export async function withRun<T>(
  runs: string,
  run: string,
  use: (reader: LedgerReader, name: string) => Promise<T>,
): Promise<T> {
  const reader = await openLedgerReader(await runDirectory(runs, run));
  try {
    // A directory may have been renamed; the streams know the run's own name.
    const [stream] = await reader.listStreams("run/");
    return await use(reader, stream?.slice("run/".length) ?? run);
  } finally {
    await reader.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
