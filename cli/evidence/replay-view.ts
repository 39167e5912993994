// What a replay found, for people.
import type { ReplayVerdict, Tally } from "../../replay/index.ts";
import type { Colors } from "../terminal.ts";
import { duration, tableLines, thousands } from "../text/index.ts";

/** Differences that are told; JSON has more. */
const differencesShownMax = 5;

const words: Readonly<Record<string, string>> = {
  folds: "events that their machine accepts",
  plans: "items of the plan",
  tasks: "steps whose tasks were drawn again",
  turns: "what turns and answers of tools led to",
  tokens: "turns sampled again",
  tools: "tool calls carried out again",
  rewards: "rewards",
  evaluations: "evaluations",
  batches: "batches: advantages, minibatches, tokens",
  gradients: "gradients",
  losses: "figures of gradients",
  policies: "policies",
  optimizers: "optimizer states",
};

export interface ReplayTold {
  readonly run: string;
  readonly verdict: ReplayVerdict;
  /** What is to be known about the comparison as a whole. */
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** What `--json` prints of a replay. */
export function replayDocument({ verdict, notes, seconds }: ReplayTold) {
  const { differences, ...rest } = verdict;
  return { ...rest, differs: differences.length, differences, notes, seconds };
}

/** What could not be compared because bytes of it are not there. */
function missingNotes({ hashOnlySteps, unsampled, unlearned }: ReplayVerdict): string[] {
  const hashOnly =
    `${hashOnlySteps} steps are hash only: no gradients of theirs are stored, or they follow ` +
    "weights that could not be derived";
  const pruned = `${unsampled} steps and evaluations were not sampled again: their policy was pruned`;
  const played = `${unlearned} steps were not learned again: the policy that played them was pruned`;
  const notes: readonly (readonly [count: number, note: string])[] = [
    [hashOnlySteps, hashOnly],
    [unsampled, pruned],
    [unlearned, played],
  ];
  return notes.flatMap(([count, note]) => (count === 0 ? [] : [note]));
}

/** The lines of a replay. */
export function replayLines(
  { run, verdict, notes, seconds }: ReplayTold,
  colors: Colors,
): string[] {
  const { events, steps, recompute, comparisons, differences } = verdict;
  const how = recompute ? "replayed and recomputed" : "replayed";
  // Of what is computed again events are no measure.
  const perSecond = `  (${thousands(events / Math.max(seconds, 1e-3))} events/s)`;
  const size = `${thousands(events)} events, ${steps} step${steps === 1 ? "" : "s"} compared`;
  const missing = missingNotes(verdict);
  return [
    `${colors.bold(run)}  ${how} in ${duration(seconds)}  ${size}${recompute ? "" : perSecond}`,
    "",
    ...tableOf(comparisons, colors),
    "",
    ...[...notes, ...missing].map((note) => `note: ${note}`),
    ...differences
      .slice(0, differencesShownMax)
      .map(({ seq, stream, streamSeq, reason }) =>
        colors.red(`differs at event ${seq} (${stream} #${streamSeq}): ${reason}`),
      ),
    verdictLine(verdict, colors),
  ];
}

function verdictLine({ ok, differences }: ReplayVerdict, colors: Colors): string {
  return ok
    ? colors.green("equal: everything that was compared comes out as it is recorded.")
    : colors.red(`${differences.length} differences.`);
}

function tableOf(comparisons: ReplayVerdict["comparisons"], colors: Colors): string[] {
  const tallies = Object.entries(comparisons) as [string, Tally][];
  const isNear = tallies.some(([, { near }]) => near > 0);
  const rows = tallies.map(([kind, { compared, near, differing }]) => [
    words[kind] ?? kind,
    thousands(compared),
    ...(isNear ? [thousands(near)] : []),
    differing === 0 ? "0" : colors.red(thousands(differing)),
  ]);
  const header = ["", "compared", ...(isNear ? ["within tolerance"] : []), "differ"];
  return tableLines(header, rows, ["left", "right", "right", "right"]);
}
