// `varft replay RUN`: a run's decisions made again from its ledger and, with --recompute, its
// tokens and gradients computed again.
import type { ArgsDef } from "citty";
import { pixelComparison, storedWeights } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import type { EventData } from "../../events/index.ts";
import {
  figureTolerance,
  gradientTolerance,
  logProbTolerance,
  type ReplayOptions,
  type ReplayVerdict,
  replayRun,
  unlikeParent,
} from "../../replay/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import type { TaskSource } from "../../tasks/index.ts";
import type { Command, CommandContext, Words } from "../command.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import {
  atHome,
  type Home,
  type ReplayTold,
  replayDocument,
  replayLines,
} from "../evidence/index.ts";
import { exitCodes } from "../exit.ts";
import { stepLine } from "../live/index.ts";
import { withRun } from "../run/index.ts";
import { Closers, openRecomputation, openTasks } from "../session/index.ts";
import { deviceArg, deviceWord, type StepRange, sampleShare, stepRange } from "../words/index.ts";

/** The flags of what is computed again. */
export const recomputeArgs = {
  recompute: { type: "boolean", description: "Compute tokens, log-probs and gradients again" },
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
} as const satisfies ArgsDef;

export const replay: Command = {
  name: "replay",
  about: "Make a run's decisions again and compare them; --recompute its tokens and gradients, too",
  args: {
    run: { type: "positional", description: "Name of the run" },
    ...recomputeArgs,
    from: { type: "string", valueHint: "STEP", description: "First step that is compared" },
    to: { type: "string", valueHint: "STEP", description: "Last step that is compared" },
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
        replayWith(reader, run, { ...wishes, parents: context.runs }, context, closers),
      );
      return tell(told, context);
    } finally {
      await closers.close();
    }
  },
};

/** What a person wants to be replayed. */
export interface ReplayWishes extends StepRange, Home {
  readonly recompute: boolean;
  readonly share: number;
  readonly tools: boolean;
  /** The record came from elsewhere: files that it names are not opened. */
  readonly isForeign: boolean;
  /** Where a fork's parent is looked for; left out: nowhere. */
  readonly parents?: string;
}

/** @throws {UsageError} */
export function wishesOf(words: Words): ReplayWishes {
  const recompute = words.flag("recompute");
  for (const flag of ["sample", "model", "device", "tools"]) {
    if (recompute || !(words.flag(flag) || words.text(flag) !== undefined)) continue;
    throw new UsageError(`--${flag} goes with --recompute: all the rest is always compared whole`);
  }
  const { from, to } = stepRange(words);
  const [model, device] = [words.text("model"), deviceWord(words)];
  const tools = words.flag("tools");
  const isForeign = false;
  return { recompute, from, to, model, device, share: sampleShare(words), tools, isForeign };
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
  const line = stepLine(context);
  let verdict: ReplayVerdict;
  try {
    verdict = await replayRun({
      reader,
      run,
      weightsOf: storedWeights,
      tasksOf: (config) => tasksOf(atHome(config, wishes), wishes, notes),
      comparePixels: pixelComparison((name) => reader.blobs.get(name)),
      ...(wishes.from === undefined ? {} : { from: wishes.from }),
      ...(wishes.to === undefined ? {} : { to: wishes.to }),
      ...(wishes.recompute ? { recomputationOf } : {}),
      unlikeParent: (started) => unlikeParentIn(wishes.parents, started, notes),
      onProgress: ({ step, steps }) => line.draw(step, steps),
      signal,
    });
  } finally {
    line.clear();
  }
  // A comparison of nothing is no verdict.
  if (verdict.ok && verdict.steps === 0 && (wishes.from ?? 0) > 0) {
    throw new UsageError(`--from ${wishes.from}: the run has no such step to compare`);
  }
  if (parted.count() > 0) notes.push(`${parted.count()} turns took another token somewhere`);
  return { run, verdict, notes, seconds: (now() - startedMs) / 1_000 };

  async function recomputationOf(
    ...[started, recorded, book]: Parameters<Recomputes>
  ): ReturnType<Recomputes> {
    const config = atHome(recorded, wishes);
    const { share, tools, isForeign } = wishes;
    const options = { started, config, reader, ledgerHash: book.hash, share, tools, isForeign };
    const opened = await openRecomputation({ ...options, env: context.env }, closers);
    notes.push(...notesOf(opened, wishes, book.hash));
    parted.count = opened.recomputation.parted;
    return opened.recomputation;
  }
}

/** How a fork differs from what its parent's ledger gives, where that is in `folder`. */
async function unlikeParentIn(
  folder: string | undefined,
  started: EventData<"run.started">,
  notes: string[],
): Promise<string | null> {
  if (folder === undefined || started.parent === undefined) return null;
  const { run } = started.parent;
  try {
    return await withRun(folder, run, (reader) => unlikeParent(reader, started));
  } catch (thrown) {
    if (!(thrown instanceof NotFoundError)) throw thrown;
    notes.push(`its parent ${run} is not in ${folder}: where it parts is taken as recorded`);
    return null;
  }
}

type Weights = ReturnType<ReturnType<typeof storedWeights>["optimizer"]["decode"]>;
type Recomputes = NonNullable<ReplayOptions<Weights>["recomputationOf"]>;

/** The run's tasks from their source again, where that can be read here. */
async function tasksOf(
  config: RunConfig,
  { isForeign }: ReplayWishes,
  notes: string[],
): Promise<TaskSource | null> {
  if (isForeign && readsFiles(config.tasks)) {
    notes.push("tasks are taken as they are recorded: the file that they came from is not here");
    return null;
  }
  try {
    return await openTasks(config, () => {});
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    notes.push(`tasks are taken as they are recorded: ${reason}`);
    return null;
  }
}

/** Whether tasks come from files, and not only from the generator. */
function readsFiles(tasks: RunConfig["tasks"]): boolean {
  return tasks.type === "mixture"
    ? tasks.sources.some((one) => readsFiles(one))
    : tasks.type !== "mini";
}

const toleranceWords =
  `${logProbTolerance} nats of a log-prob, ${100 * figureTolerance} % of a figure and ` +
  `${100 * gradientTolerance} % of a gradient's norm`;

function notesOf(
  {
    otherClass,
    exact,
    engine,
    unproven,
  }: Omit<Awaited<ReturnType<typeof openRecomputation>>, "recomputation">,
  { share }: ReplayWishes,
  hash: string,
): string[] {
  const notes: string[] = [];
  if (otherClass !== null) notes.push(`this is another numeric class: ${otherClass}`);
  if (unproven !== null) notes.push(unproven);
  if (!exact) notes.push(`compared within ${toleranceWords}`);
  if (engine !== null)
    notes.push(`tokens were sampled by ${engine}: nobody can compute them again`);
  if (share < 1)
    notes.push(`a sample of ${100 * share} %, drawn by the ledger's hash ${hash.slice(0, 12)}`);
  return notes;
}
