// `varft replay RUN`: a run's decisions made again from its ledger and, with --recompute, its
// tokens and gradients computed again.
import { pixelComparison, storedWeights } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import {
  figureTolerance,
  gradientTolerance,
  logProbTolerance,
  type ReplayOptions,
  type ReplayProgress,
  type ReplayVerdict,
  replayRun,
} from "../../replay/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import type { TaskSource } from "../../tasks/index.ts";
import type { Command, CommandContext, Words } from "../command.ts";
import { deviceArg, deviceWord } from "../device-word.ts";
import { UsageError } from "../errors.ts";
import { exitCodes } from "../exit.ts";
import { clock } from "../format.ts";
import { type ReplayTold, replayDocument, replayLines } from "../replay-view.ts";
import { withRun } from "../run-directory.ts";
import { Closers, openRecomputation, openTasks } from "../session/index.ts";

export const replay: Command = {
  name: "replay",
  about: "Make a run's decisions again and compare them; --recompute its tokens and gradients, too",
  args: {
    run: { type: "positional", description: "Name of the run" },
    recompute: { type: "boolean", description: "Compute tokens, log-probs and gradients again" },
    from: { type: "string", valueHint: "STEP", description: "First step that is compared" },
    to: { type: "string", valueHint: "STEP", description: "Last step that is compared" },
    sample: {
      type: "string",
      valueHint: "SHARE",
      description: "Compute only so much again, such as 5% (with --recompute)",
    },
    model: {
      type: "string",
      valueHint: "DIR",
      description: "The checkpoint, where it is not in the run's own place (with --recompute)",
    },
    device: deviceArg("Where to compute: cpu, cuda:N (default: as the run; with --recompute)"),
    tools: { type: "boolean", description: "Carry tool calls out again (with --recompute)" },
  },
  examples: [
    "varft replay RUN",
    "varft replay RUN --recompute --sample 5%",
    "varft replay RUN --recompute --tools --from 3 --to 3",
  ],
  async run(words, context) {
    const wishes = wishesOf(words);
    const closers = new Closers();
    try {
      const told = await withRun(context.runs, words.required("run"), (reader, run) =>
        replayWith(reader, run, wishes, context, closers),
      );
      return tell(told, context);
    } finally {
      await closers.close();
    }
  },
};

/** What a person wants to be replayed. */
export interface ReplayWishes {
  readonly recompute: boolean;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly share: number;
  readonly model: string | undefined;
  readonly device: string | undefined;
  readonly tools: boolean;
}

/** @throws {UsageError} */
export function wishesOf(words: Words): ReplayWishes {
  const recompute = words.flag("recompute");
  for (const flag of ["sample", "model", "device", "tools"]) {
    if (recompute || !(words.flag(flag) || words.text(flag) !== undefined)) continue;
    throw new UsageError(`--${flag} goes with --recompute: all the rest is always compared whole`);
  }
  const { from, to } = { from: stepIn(words, "from"), to: stepIn(words, "to") };
  if (from !== undefined && to !== undefined && from > to) {
    throw new UsageError(`there is no step from ${from} to ${to}`);
  }
  const [model, device] = [words.text("model"), deviceWord(words)];
  const tools = words.flag("tools");
  return { recompute, from, to, model, device, share: shareIn(words), tools };
}

function stepIn(words: Words, flag: string): number | undefined {
  const text = words.text(flag);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--${flag} wants a step, such as 12, not "${text}"`);
}

/** `5%` and `0.05`. */
function shareIn(words: Words): number {
  const text = words.text("sample") ?? "100%";
  const [, digits = "", percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const share = Number(digits) / (percent === "%" ? 100 : 1);
  if (digits !== "" && share > 0 && share <= 1) return share;
  throw new UsageError(`--sample wants a share, such as 5%, not "${text}"`);
}

/** Tells what was found; resolves to the exit code. */
function tell(told: ReplayTold, { terminal, json }: CommandContext): number {
  if (json) terminal.out(`${JSON.stringify(replayDocument(told))}\n`);
  else terminal.out(`${replayLines(told, terminal.colors).join("\n")}\n`);
  return told.verdict.ok ? exitCodes.done : exitCodes.verification;
}

/** Replays a run as the words wish. */
export async function replayWith(
  reader: LedgerReader,
  run: string,
  wishes: ReplayWishes,
  context: CommandContext,
  closers: Closers,
): Promise<ReplayTold> {
  const { now, signal } = context;
  const startedMs = now();
  const notes: string[] = [];
  const parted = { count: () => 0 };
  const line = progressLine(context);
  let verdict: ReplayVerdict;
  try {
    verdict = await replayRun({
      reader,
      run,
      weightsOf: storedWeights,
      tasksOf: (config) => tasksOf(atHome(config, wishes), notes),
      comparePixels: pixelComparison((name) => reader.blobs.get(name)),
      ...(wishes.from === undefined ? {} : { from: wishes.from }),
      ...(wishes.to === undefined ? {} : { to: wishes.to }),
      ...(wishes.recompute ? { recomputationOf } : {}),
      onProgress: line.draw,
      signal,
    });
  } finally {
    line.clear();
  }
  if (parted.count() > 0) notes.push(`${parted.count()} turns took another token somewhere`);
  return { run, verdict, notes, seconds: (now() - startedMs) / 1_000 };

  async function recomputationOf(
    ...[started, recorded, book]: Parameters<Recomputes>
  ): ReturnType<Recomputes> {
    const config = atHome(recorded, wishes);
    const { share, tools } = wishes;
    const options = { started, config, reader, ledgerHash: book.hash, share, tools };
    const opened = await openRecomputation({ ...options, env: context.env }, closers);
    notes.push(...notesOf(opened, wishes, book.hash));
    parted.count = opened.recomputation.parted;
    return opened.recomputation;
  }
}

/** A line that is drawn anew while a person looks. */
function progressLine({ terminal, json, now }: CommandContext) {
  const isShown = terminal.isTty && !json;
  const startedMs = now();
  let drawn = false;
  return {
    draw({ step, steps }: ReplayProgress) {
      if (!isShown) return;
      drawn = true;
      const seconds = (now() - startedMs) / 1_000;
      const left = step > 0 ? `, about ${clock((seconds / step) * (steps - step))} left` : "";
      terminal.err(`\r\u001b[Kstep ${step} of ${steps}${left}`);
    },
    clear() {
      if (drawn) terminal.err("\r\u001b[K");
    },
  };
}

type Weights = ReturnType<ReturnType<typeof storedWeights>["optimizer"]["decode"]>;
type Recomputes = NonNullable<ReplayOptions<Weights>["recomputationOf"]>;

/** The run's configuration with the checkpoint and the device of this host. */
function atHome(config: RunConfig, { model, device }: ReplayWishes): RunConfig {
  const { rollout, learner } = config;
  const placed =
    device === undefined
      ? config
      : { ...config, rollout: { ...rollout, device }, learner: { ...learner, device } };
  return model === undefined ? placed : { ...placed, model: { ...config.model, directory: model } };
}

/** The run's tasks from their source again, where that can be read here. */
async function tasksOf(config: RunConfig, notes: string[]): Promise<TaskSource | null> {
  try {
    return await openTasks(config, () => {});
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    notes.push(`tasks are taken as they are recorded: ${reason}`);
    return null;
  }
}

const toleranceWords =
  `${logProbTolerance} nats of a log-prob, ${100 * figureTolerance} % of a figure and ` +
  `${100 * gradientTolerance} % of a gradient's norm`;

function notesOf(
  {
    otherClass,
    exact,
    engine,
  }: Omit<Awaited<ReturnType<typeof openRecomputation>>, "recomputation">,
  { share }: ReplayWishes,
  hash: string,
): string[] {
  const notes: string[] = [];
  if (otherClass !== null) notes.push(`this is another numeric class: ${otherClass}`);
  if (!exact) notes.push(`compared within ${toleranceWords}`);
  if (engine !== null)
    notes.push(`tokens were sampled by ${engine}: nobody can compute them again`);
  if (share < 1)
    notes.push(`a sample of ${100 * share} %, drawn by the ledger's hash ${hash.slice(0, 12)}`);
  return notes;
}
