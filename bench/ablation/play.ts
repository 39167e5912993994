// Plays the ablation's runs through `varft train`, each in a folder of its own, one after the
// other. A run that is complete is not played again; one that was stopped goes on.
import { spawn } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { readRun, runConfigOf, runNames } from "../../cli/run/run-directory.ts";
import { loadRunConfig } from "../../config/index.ts";
import { type Arm, baseConfig, sharedSettings } from "./arms.ts";

const varft = fileURLToPath(new URL("../../cli/varft.mjs", import.meta.url));
const logFile = "train.log";

/** One run of the ablation, and where it lies. */
export interface PlannedRun {
  readonly arm: Arm;
  readonly seed: number;
  /** Its folder of runs; the run is the only one there. */
  readonly runs: string;
}

export interface PlayOptions {
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** All runs in the order in which they are played: every arm once before any has a second seed. */
export function plannedRuns(
  folder: string,
  arms: readonly Arm[],
  seeds: readonly number[],
): readonly PlannedRun[] {
  return seeds.flatMap((seed) =>
    arms.map((arm) => ({ arm, seed, runs: join(folder, arm.name, `seed-${seed}`) })),
  );
}

/** The `--set`s of a run. */
export const settingsOf = ({ arm, seed }: PlannedRun): readonly string[] => [
  ...sharedSettings(arm),
  ...arm.settings,
  `run.seed=${seed}`,
];

/** Plays what is not complete yet. @throws where a run fails, or lies there with other settings */
export async function playRuns(
  planned: readonly PlannedRun[],
  { tell, signal }: PlayOptions,
): Promise<void> {
  for (const [index, one] of planned.entries()) {
    signal.throwIfAborted();
    const place = `run ${index + 1} of ${planned.length}: ${one.arm.name}, seed ${one.seed}`;
    const there = await runThere(one);
    if (there?.completed) continue;
    tell(there === null ? place : `${place} goes on`);
    const begin = settingsOf(one).flatMap((setting) => ["--set", setting]);
    const words = there === null ? [baseConfig, ...begin] : ["--resume", there.run];
    await train(one.runs, words, signal);
  }
}

/** The run in a folder; null where there is none. @throws where its settings are not those asked */
export async function runThere(
  one: PlannedRun,
): Promise<{ readonly run: string; readonly completed: boolean } | null> {
  const run = (await runNames(one.runs)).at(-1);
  if (run === undefined) return null;
  const wanted = await loadRunConfig(baseConfig, settingsOf(one));
  if (!isDeepStrictEqual(await runConfigOf(one.runs, run), wanted)) {
    throw new Error(
      `${join(one.runs, run)} was begun with other settings than ${one.arm.name} has: move it away`,
    );
  }
  const { log } = await readRun(one.runs, run);
  return { run, completed: log.completed };
}

async function train(runs: string, words: readonly string[], signal: AbortSignal): Promise<void> {
  await mkdir(runs, { recursive: true });
  const log = await open(join(runs, logFile), "a");
  try {
    const args = [varft, "train", ...words, "--runs", runs];
    const child = spawn(process.execPath, args, { stdio: ["ignore", log.fd, log.fd] });
    const stop = () => child.kill("SIGINT");
    signal.addEventListener("abort", stop, { once: true });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", resolve);
    });
    signal.removeEventListener("abort", stop);
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`varft train failed; ${join(runs, logFile)} says why`);
  } finally {
    await log.close();
  }
}
