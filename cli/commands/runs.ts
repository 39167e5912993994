// `varft runs`: what is in the runs folder.
import type { Command } from "../command.ts";
import { describeError } from "../exit.ts";
import { baseName, type RunLog, readRun, runNames, scoredEvaluations } from "../run/index.ts";
import { moment, shortHash, tableLines } from "../text/index.ts";

interface RunRow {
  readonly run: string;
  readonly state: "completed" | "unfinished" | "empty" | "unreadable";
  readonly startedMs: number | null;
  readonly steps: number;
  readonly stepsTotal: number | null;
  readonly policy: string | null;
  /** The latest evaluation's exact match, in percent. */
  readonly em: number | null;
  readonly problem: string | null;
}

export const runs: Command = {
  name: "runs",
  about: "List the runs of this folder",
  args: {},
  async run(_words, { terminal, json, runs: folder }) {
    const rows: RunRow[] = [];
    for (const run of await runNames(folder)) rows.push(await rowOf(folder, run));
    if (json) terminal.out(`${JSON.stringify({ runs: rows })}\n`);
    else if (rows.length === 0) terminal.out(`There are no runs in ${folder}.\n`);
    else {
      const header = ["run", "started", "state", "steps", "exact match", "policy"];
      terminal.out(`${tableLines(header, rows.map(cells)).join("\n")}\n`);
      for (const { run, problem } of rows) {
        if (problem !== null) terminal.err(`varft: ${run} cannot be read: ${problem}\n`);
      }
    }
    return 0;
  },
};

async function rowOf(folder: string, run: string): Promise<RunRow> {
  const empty = { run, startedMs: null, steps: 0, stepsTotal: null, policy: null, em: null };
  try {
    const { log } = await readRun(folder, run, { learner: true });
    if (log.started === null) return { ...empty, state: "empty", problem: null };
    return {
      run,
      state: log.completed ? "completed" : "unfinished",
      startedMs: log.startedMs,
      steps: log.stepsLearned,
      stepsTotal: stepsTotalOf(log),
      policy: log.policy,
      em: latestExactMatch(log),
      problem: null,
    };
  } catch (thrown) {
    return { ...empty, state: "unreadable", problem: describeError(thrown) };
  }
}

/** Of the run's first set, when it was evaluated last: later sets may be controls. */
function latestExactMatch(log: RunLog): number | null {
  const done = scoredEvaluations(log).map((one) => one.log);
  const first = done[0];
  if (first === undefined) return null;
  const latest = done.findLast(({ name }) => baseName(name) === baseName(first.name));
  return latest?.summary?.em ?? null;
}

/** The planned number of steps, by the recorded configuration. */
export function stepsTotalOf(log: RunLog): number | null {
  const run = log.started?.config["run"] as { readonly steps?: unknown } | undefined;
  return typeof run?.steps === "number" ? run.steps : null;
}

function cells({ run, state, startedMs, steps, stepsTotal, em, policy }: RunRow) {
  return [
    run,
    startedMs === null ? "–" : moment(startedMs),
    state,
    stepsTotal === null ? "–" : `${steps}/${stepsTotal}`,
    em === null ? "–" : em.toFixed(1),
    shortHash(policy),
  ];
}
