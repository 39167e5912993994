// `varft fork RUN --at …`: a new run that goes on from a step of another one with changed settings,
// or that continues one of its trajectories from a turn, several times.
import { isDeepStrictEqual } from "node:util";
import { noOptimizer, storedWeights } from "../../actors/index.ts";
import { continuationRun, type RunConfig, restoreRunConfig } from "../../config/index.ts";
import { type EventData, type Sampling, streams } from "../../events/index.ts";
import { type ForkStart, forkAtStep, forkAtTurn } from "../../replay/index.ts";
import { differenceOf } from "../../runtime/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import type { Command, CommandContext, Words } from "../command.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import { findPolicy } from "../evidence/index.ts";
import {
  beginningOf,
  continuationResults,
  originalOf,
  parentJson,
  tellSession,
} from "../launch/index.ts";
import { makeRunDirectory, withRun } from "../run/index.ts";
import { openSession, type SessionOptions } from "../session/index.ts";
import { wholeNumber } from "../words/index.ts";

const samplesDefault = 8;
const samplesMax = 256;
const stepsMax = 1_000_000;

export const fork: Command = {
  name: "fork",
  about: "Go on from a step of a run with other settings, or continue a trajectory from a turn",
  args: {
    run: { type: "positional", description: "Name of the run" },
    at: {
      type: "string",
      valueHint: "PLACE",
      description: "step=K, or trajectory=ID,turn=T (required)",
    },
    set: { type: "string", valueHint: "KEY=VALUE", description: "Another value; repeatable" },
    seed: { type: "string", valueHint: "N", description: "Short for --set run.seed=N" },
    steps: { type: "string", valueHint: "N", description: "Short for --set run.steps=N" },
    samples: {
      type: "string",
      valueHint: "N",
      description: `How often a trajectory is continued (default: ${samplesDefault})`,
    },
    policy: {
      type: "string",
      valueHint: "STEP",
      description: "Continue with the policy after STEP (default: the trajectory's own)",
    },
  },
  examples: [
    "varft fork RUN --at step=40 --set learner.learning_rate=1e-5",
    "varft fork RUN --at step=40 --steps 120 --seed 7",
    "varft fork RUN --at trajectory=12.3.0,turn=1 --samples 16 --set rollout.temperature=0.7",
  ],
  async run(words, context) {
    const place = placeIn(words);
    const planned = await withRun(context.runs, words.required("run"), (reader, run) =>
      plan(reader, run, place, words),
    );
    return play(planned, context);
  },
};

type Place =
  | { readonly type: "step"; readonly step: number }
  | { readonly type: "trajectory"; readonly trajectory: string; readonly turn: number };

const stepPattern = /^step=(\d{1,9})$/;
const turnPattern = /^trajectory=(e?\d{1,9}\.\d{1,9}\.\d{1,9}),turn=(\d{1,9})$/;

function placeIn(words: Words): Place {
  const text = words.required("at");
  const [, step] = stepPattern.exec(text) ?? [];
  if (step !== undefined) {
    refuse(words, ["samples", "policy"], "goes with --at trajectory=ID,turn=T");
    return { type: "step", step: Number(step) };
  }
  const [, trajectory, turn] = turnPattern.exec(text) ?? [];
  if (trajectory === undefined) {
    throw new UsageError(
      `--at "${text}" is no place: write step=40, or trajectory=12.3.0,turn=1 (the names that ` +
        "varft trajectory takes)",
    );
  }
  refuse(words, ["steps"], "goes with --at step=K: a continued trajectory teaches nothing");
  return { type: "trajectory", trajectory, turn: Number(turn) };
}

function refuse(words: Words, flags: readonly string[], why: string): void {
  for (const flag of flags) {
    if (words.text(flag) !== undefined) throw new UsageError(`--${flag} ${why}`);
  }
}

interface Planned {
  readonly name: string;
  readonly config: RunConfig;
  readonly start: ForkStart;
  readonly parent: EventData<"run.started">;
}

async function plan(
  reader: LedgerReader,
  run: string,
  place: Place,
  words: Words,
): Promise<Planned> {
  const [first] = await reader.readStream(streams.run(run), 1, 1);
  if (first === undefined) throw new NotFoundError(`the run "${run}" was never started`);
  const parent = first.data as EventData<"run.started">;
  const planned =
    place.type === "step"
      ? await planStep(reader, run, parent, place.step, words)
      : await planTurn(reader, run, parent, place, words);
  requireSameTensors(planned.config, restoreRunConfig(parent.config));
  return { ...planned, parent };
}

async function planStep(
  reader: LedgerReader,
  run: string,
  started: EventData<"run.started">,
  step: number,
  words: Words,
) {
  const before = restoreRunConfig(started.config);
  if (before.run.steps === 0) {
    throw new UsageError(`${run} is an evaluation: it has trajectories to continue, and no steps`);
  }
  const config = restoreRunConfig(started.config, overridesOf(words));
  const weightsOf = (policy: Uint8Array) => storedWeights(before, policy);
  const start = await forkAtStep({ reader, run, started, step, config, weightsOf });
  return { name: `${run}-step-${step}`, config, start };
}

async function planTurn(
  reader: LedgerReader,
  run: string,
  started: EventData<"run.started">,
  { trajectory, turn }: Extract<Place, { readonly type: "trajectory" }>,
  words: Words,
) {
  const limits = { min: 1, max: samplesMax };
  const samples = wholeNumber(words, "samples", samplesDefault, limits);
  const step =
    words.text("policy") === undefined
      ? null
      : wholeNumber(words, "policy", 0, { min: 0, max: stepsMax });
  const policy = step === null ? null : (await findPolicy(reader, run, step)).policy;
  const options = { reader, run, started, trajectory, turn, policy, optimizer: noOptimizer };
  const { start, sampling } = await forkAtTurn(options);
  const overrides = overridesOf(words);
  requireChance(sampling, samples, overrides);
  const settings = { sampling, samples, overrides };
  const config = continuationRun(restoreRunConfig(started.config), settings);
  // A dot cannot be part of a subject on the bus.
  const name = `${run}-${trajectory.replaceAll(".", "-")}-turn-${turn}`;
  return { name, config, start };
}

/** `--set`s in their order, then the short forms. */
function overridesOf(words: Words): readonly string[] {
  const short = ["seed", "steps"].flatMap((flag) => {
    const value = words.text(flag);
    return value === undefined ? [] : [`run.${flag}=${value}`];
  });
  return [...words.list("set"), ...short];
}

/** Greedily, every continuation would be the same. */
function requireChance({ greedy }: Sampling, samples: number, overrides: readonly string[]): void {
  const key = "evaluation.sets.0.greedy";
  if (!greedy || samples === 1 || overrides.some((one) => one.startsWith(`${key}=`))) return;
  throw new UsageError(
    `the trajectory was sampled greedily, and every continuation would be the same: add ` +
      `--set ${key}=false, or --samples 1`,
  );
}

/** A recorded policy has the tensors of the run that made it. */
function requireSameTensors({ tune }: RunConfig, parent: RunConfig): void {
  if (isDeepStrictEqual(tune, parent.tune)) return;
  throw new UsageError("tune cannot be changed: a fork begins with a policy of its parent");
}

async function play({ name, config, start, parent }: Planned, context: CommandContext) {
  const { runs, terminal, json } = context;
  const made = await makeRunDirectory(runs, name, null);
  const told = parentJson(start.parent);
  if (json) terminal.out(`${JSON.stringify({ type: "fork", run: made.run, parent: told })}\n`);
  else terminal.out(`${made.run} parts from ${parent.run} after event ${told.seq}.\n`);
  const isTurn = start.parent.at.type === "trajectory";
  const results = isTurn
    ? continuationResults(start.parent, await originalOf(runs, start.parent))
    : null;
  const open = (options: SessionOptions, signal: AbortSignal) =>
    openSession(tellingClass(options, parent), signal);
  const beginning = await beginningOf(start);
  const session = { ...made, config, beginning, open, fresh: true };
  return tellSession({ ...session, ...(results && { results }) }, context);
}

/** On another numeric class equal settings need not give equal bytes: that is said. */
function tellingClass(options: SessionOptions, parent: EventData<"run.started">): SessionOptions {
  return {
    ...options,
    onEvent(event) {
      options.onEvent(event);
      if (event.type !== "run.started") return;
      const { numericClass } = event.data as EventData<"run.started">;
      const difference = differenceOf(numericClass, parent.numericClass);
      if (difference === null) return;
      options.say(`this is another numeric class than the parent's: ${difference}`);
    },
  };
}
