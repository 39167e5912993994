// A small run of the quick start, played as `varft train` plays one: all processes as always.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openSession } from "../../cli/session/index.ts";
import { loadRunConfig } from "../../config/index.ts";
import type { EventData } from "../../events/index.ts";
import type { openLedger } from "../../storage/index.ts";

const overrides = [
  "rollout.prompts=8",
  // So small that the policy stays what it is, and so does the work of a step.
  "learner.learning_rate=1e-7",
  "evaluation.sets=[]",
];

export interface PlayOptions {
  readonly run: string;
  readonly steps: number;
  /** More settings, as `--set` takes them. */
  readonly changes?: readonly string[];
  readonly openLedger?: typeof openLedger;
}

export interface Played {
  /** When each step's policy was there, in milliseconds, monotonic. */
  readonly ends: readonly number[];
  /** The share of executed programs and searches that an equal one had answered. */
  readonly remembered: number;
  /** From the opening of the session to the end of the run, in seconds. */
  readonly seconds: number;
}

/** Plays a run into `folder/run`. */
export async function playRun(folder: string, options: PlayOptions): Promise<Played> {
  const { run, steps, changes = [], openLedger } = options;
  const directory = join(folder, run);
  await mkdir(directory, { recursive: true });
  const settings = [...overrides, `run.steps=${steps}`, ...changes];
  const config = await loadRunConfig("config/quickstart.toml", settings);
  const ends: number[] = [];
  const sources = { remembered: 0, executed: 0 };
  const startMs = performance.now();
  const session = await openSession(
    {
      run,
      directory,
      config,
      clock: Date.now,
      env: process.env,
      onEvent: ({ type, data }) => {
        if (type === "policy.updated") ends.push(performance.now());
        if (type !== "tool.returned") return;
        const source = (data as EventData<"tool.returned">).observed?.["source"];
        if (source === "remembered" || source === "executed") sources[source] += 1;
      },
      say: (text) => console.error(text),
      ...(openLedger !== undefined && { openLedger }),
    },
    new AbortController().signal,
  );
  let seconds = 0;
  try {
    await session.done;
    seconds = (performance.now() - startMs) / 1_000;
  } finally {
    await session.close();
  }
  const calls = sources.remembered + sources.executed;
  return { ends, seconds, remembered: calls === 0 ? 0 : sources.remembered / calls };
}
