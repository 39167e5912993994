// `varft rejudge RUN`: what another reward would have made of a run's trajectories.
import { storedWeights } from "../../actors/index.ts";
import { type GivenReward, readGivenReward, restoreRewarded } from "../../config/index.ts";
import { type RejudgeOptions, type RejudgeVerdict, rejudgeRun } from "../../replay/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import type { Command, CommandContext, Words } from "../command.ts";
import { UsageError } from "../errors.ts";
import { atHome, type Home, rejudgeLines } from "../evidence/index.ts";
import { exitCodes } from "../exit.ts";
import { stepLine } from "../live/index.ts";
import { withRun } from "../run/index.ts";
import { Closers, openRejudging } from "../session/index.ts";
import { deviceArg, deviceWord, type StepRange, sampleShare, stepRange } from "../words/index.ts";

export const rejudge: Command = {
  name: "rejudge",
  about: "Pay a run's trajectories by another reward: rewards, flips, the gradient's direction",
  args: {
    run: { type: "positional", description: "Name of the run" },
    reward: {
      type: "string",
      valueHint: "REWARD",
      description: "A preset's name, a TOML file, or a module of yours (.ts, .js)",
    },
    set: {
      type: "string",
      valueHint: "KEY=VALUE",
      description: "Another value of reward.… or learner.advantage; repeatable",
    },
    from: { type: "string", valueHint: "STEP", description: "First step that is judged again" },
    to: { type: "string", valueHint: "STEP", description: "Last step that is judged again" },
    sample: { type: "string", valueHint: "SHARE", description: "Only so many of the steps: 5%" },
    "no-gradients": { type: "boolean", description: "Rewards and advantages alone, no engine" },
    model: {
      type: "string",
      valueHint: "DIR",
      description: "The checkpoint, where it is not in the run's own place",
    },
    device: deviceArg("Where to compute: cpu, cuda:N (default: as the run)"),
  },
  examples: [
    "varft rejudge RUN --reward recommended",
    "varft rejudge RUN --reward rewards/brevity.ts --sample 10%",
    "varft rejudge RUN --set reward.calls=-0.2 --no-gradients",
  ],
  async run(words, context) {
    const wishes = wishesOf(words);
    const word = words.text("reward");
    const given = word === undefined ? null : await readGivenReward(word);
    const closers = new Closers();
    try {
      return await withRun(context.runs, words.required("run"), (reader, run) =>
        tell(reader, run, { ...wishes, given }, context, closers),
      );
    } finally {
      await closers.close();
    }
  },
};

interface Wishes extends StepRange, Home {
  readonly given: GivenReward | null;
  readonly sets: readonly string[];
  readonly share: number;
  readonly gradients: "none" | "wanted" | "required";
}

/** What a reward's place in the configuration is called. */
const settable = /^\s*(?:reward\.|learner\.advantage\b)/;

function wishesOf(words: Words): Omit<Wishes, "given"> {
  const sets = words.list("set");
  if (words.text("reward") === undefined && sets.length === 0) {
    throw new UsageError("varft rejudge needs --reward REWARD or --set reward.KEY=VALUE");
  }
  const other = sets.find((one) => !settable.test(one));
  if (other !== undefined) {
    throw new UsageError(
      `--set ${other}: a run is judged again, not played: reward.… and learner.advantage can be set`,
    );
  }
  const [model, device] = [words.text("model"), deviceWord(words)];
  const without = words.flag("no-gradients");
  if (without && device !== undefined) {
    throw new UsageError("--device has no effect with --no-gradients: nothing is computed");
  }
  const asked = model !== undefined || device !== undefined ? "required" : "wanted";
  const gradients = without ? "none" : asked;
  return { ...stepRange(words), sets, model, device, share: sampleShare(words), gradients };
}

type Weights = ReturnType<ReturnType<typeof storedWeights>["optimizer"]["decode"]>;
type Opens = RejudgeOptions<Weights>["rejudgingOf"];

async function tell(
  reader: LedgerReader,
  run: string,
  wishes: Wishes,
  context: CommandContext,
  closers: Closers,
): Promise<number> {
  const { terminal, json, now, signal } = context;
  const startedMs = now();
  const notes: string[] = [];
  const line = stepLine(context);
  const { from, to } = wishes;
  let verdict: RejudgeVerdict;
  try {
    verdict = await rejudgeRun({
      reader,
      run,
      weightsOf: storedWeights,
      rejudgingOf,
      ...{ from, to, signal },
      onProgress: ({ done, steps }) => line.draw(done, steps),
    });
  } finally {
    line.clear();
  }
  requireSteps(run, verdict);
  const seconds = (now() - startedMs) / 1_000;
  if (json) {
    terminal.out(`${JSON.stringify({ ...verdict, notes, seconds })}\n`);
  } else {
    const told = { run, verdict, notes, seconds };
    terminal.out(`${rejudgeLines(told, terminal).join("\n")}\n`);
  }
  return exitCodes.done;

  async function rejudgingOf(...[started, recorded, ledger]: Parameters<Opens>): ReturnType<Opens> {
    const rewarded = restoreRewarded(started.config, wishes.given, wishes.sets);
    const opened = await openRejudging(
      {
        started,
        reader,
        config: atHome(recorded, wishes),
        rejudged: atHome(rewarded, wishes),
        ledgerHash: ledger.hash,
        rewards: ledger.rewards,
        share: wishes.share,
        gradients: wishes.gradients,
        env: context.env,
        isForeign: false,
      },
      closers,
    );
    notes.push(...opened.notes);
    return opened.rejudging;
  }
}

function requireSteps(run: string, { steps, stepsLearned }: RejudgeVerdict): void {
  if (steps.length > 0) return;
  const known = stepsLearned === 0 ? "none yet" : `${stepsLearned}`;
  throw new UsageError(`${run} has no such steps: it has learned ${known}`);
}
