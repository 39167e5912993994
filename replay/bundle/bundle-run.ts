// Makes a bundle of a run directory: finds out what the run is, and has it packed.
import type { FileHandle } from "node:fs/promises";
import { type EventData, streams } from "../../events/index.ts";
import {
  BundleError,
  type BundleManifest,
  type BundleProgress,
  type BundleSource,
  type BundleTotals,
  type LedgerReader,
  openBundleSource,
  packBundle,
} from "../../storage/index.ts";
import { atCheckpoint, wholeRun } from "./cut.ts";
import { type LastPolicy, RowReader } from "./row-reader.ts";

/** What only the host knows of a run. */
export interface BundleIdentity extends Pick<BundleManifest, "model" | "madeBy"> {}

export interface BundleRunOptions {
  readonly directory: string;
  readonly reader: Pick<LedgerReader, "readStream">;
  readonly run: string;
  /** The texts of `checkpoints.pub`, `checkpoints.txt` and of the settings. */
  readonly keys: string;
  readonly checkpoints: string;
  readonly settings: string | null;
  readonly identityOf: (started: EventData<"run.started">) => Promise<BundleIdentity>;
  /**
   * Writes the adapter of the policy that the bundle's events come to, and answers with its folder;
   * null: none goes along.
   */
  readonly adapterOf: ((last: LastPolicy) => Promise<string>) | null;
  /** Empty; what is written to it is flushed. */
  readonly file: FileHandle;
  readonly onProgress: (progress: BundleProgress) => void;
  readonly signal: AbortSignal;
}

/** A bundle that was made. */
export interface MadeBundle {
  readonly manifest: BundleManifest;
  readonly totals: BundleTotals;
  /** The policy whose adapter went along; null: none did. */
  readonly adapter: LastPolicy | null;
  /** Events that the run has beyond the bundle. */
  readonly left: number;
}

/**
 * Makes a bundle of a run.
 * @throws {BundleError} bundle-refused
 */
export async function bundleRun(options: BundleRunOptions): Promise<MadeBundle> {
  const before = await planOf(options);
  const source = await openBundleSource(options.directory);
  try {
    // A run that has ended meanwhile is read anew; what one that goes on says since is left out.
    return await bundle(options, source, source.isWritten ? before : await planOf(options));
  } finally {
    await source.close();
  }
}

async function bundle(
  options: BundleRunOptions,
  source: BundleSource,
  { started, completed }: Plan,
): Promise<MadeBundle> {
  const { run, keys, settings, adapterOf, file, onProgress, signal } = options;
  const isRunning = source.isWritten && !completed;
  const cutOf = isRunning ? atCheckpoint : wholeRun;
  const { head, notes } = cutOf(source.head, options.checkpoints);
  const stopped = completed ? "completed" : "stopped";
  const { base, numericClass } = started;
  const manifest: BundleManifest = {
    run,
    events: head.size,
    chain: head.hash,
    state: isRunning ? "running" : stopped,
    numericClass,
    base,
    ...(await options.identityOf(started)),
  };
  const rows = new RowReader(started);
  const totals = await packBundle({
    source,
    manifest,
    keys,
    checkpoints: notes.map((note) => `${note}\n`).join(""),
    settings,
    blobsOf: (row) => rows.blobsOf(row),
    absenceOf: (name) => rows.absenceOf(name),
    // Leases are as they are now: those that were taken since the checkpoint are none of its.
    leasesOf: () => (isRunning ? rows.usedOf(source.leases) : source.leases),
    adapterOf: adapterOf && (() => adapterOf(rows.lastPolicy)),
    file,
    onProgress,
    signal,
  });
  await file.sync();
  return {
    manifest,
    totals,
    adapter: adapterOf && rows.lastPolicy,
    left: source.head.size - head.size,
  };
}

interface Plan {
  readonly started: EventData<"run.started">;
  readonly completed: boolean;
}

async function planOf({ reader, run }: BundleRunOptions): Promise<Plan> {
  const plan = await reader.readStream(streams.run(run));
  const [first] = plan;
  if (first?.type !== "run.started") {
    throw new BundleError("bundle-refused", `the run "${run}" was never started: there is nothing`);
  }
  return {
    started: first.data as EventData<"run.started">,
    completed: plan.some(({ type }) => type === "run.completed"),
  };
}
