// `varft train`: a new run, or the rest of one.
import { loadRunConfig } from "../../config/index.ts";
import type { Command, Words } from "../command.ts";
import { UsageError } from "../errors.ts";
import { resumedRun, tellSession } from "../launch/index.ts";
import { makeRunDirectory, newRunName, runDirectory } from "../run/index.ts";

export const train: Command = {
  name: "train",
  about: "Train an agent by GRPO, or go on with a run",
  args: {
    config: { type: "positional", required: false, description: "TOML file of the run" },
    seed: { type: "string", valueHint: "N", description: "Short for --set run.seed=N" },
    set: { type: "string", valueHint: "KEY=VALUE", description: "Another value; repeatable" },
    resume: { type: "string", valueHint: "RUN", description: "Go on where a run stopped" },
  },
  async run(words, context) {
    const { openSession } = await import("../session/index.ts");
    const { runs } = context;
    const resume = words.text("resume");
    if (resume !== undefined) {
      refuseWithResume(words);
      const directory = await runDirectory(runs, resume);
      const resumed = await resumedRun(runs, resume);
      return tellSession(
        { run: resume, directory, ...resumed, open: openSession, fresh: false },
        context,
      );
    }
    const file = words.text("config");
    if (file === undefined) {
      throw new UsageError("varft train needs CONFIG or --resume RUN; see varft train --help");
    }
    const config = await loadRunConfig(file, overridesOf(words));
    const name = newRunName(file, context.clock());
    const made = await makeRunDirectory(runs, name, config);
    return tellSession({ ...made, config, open: openSession, fresh: true }, context);
  },
};

/** `--set`s in their order, then `--seed`. */
export function overridesOf(words: Words): readonly string[] {
  const seed = words.text("seed");
  return [...words.list("set"), ...(seed === undefined ? [] : [`run.seed=${seed}`])];
}

/** A run goes on as it was begun. @throws {UsageError} */
export function refuseWithResume(words: Words): void {
  for (const name of ["config", "seed", "set"]) {
    if (words.text(name) === undefined) continue;
    throw new UsageError(
      `--resume goes on with the run as it was begun: leave ${name === "config" ? "CONFIG" : `--${name}`} out`,
    );
  }
}
