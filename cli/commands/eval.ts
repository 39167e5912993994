// `varft eval`: a run without steps. Every evaluation of the configuration is made once.
import { loadRunConfig } from "../../config/index.ts";
import type { Command } from "../command.ts";
import { makeRunDirectory, newRunName } from "../run-directory.ts";
import { tellSession } from "../run-session.ts";
import { overridesOf } from "./train.ts";

export const evaluate: Command = {
  name: "eval",
  about: "Evaluate a checkpoint on the sets of a configuration",
  args: {
    config: { type: "positional", description: "TOML file of a run" },
    seed: { type: "string", valueHint: "N", description: "Short for --set run.seed=N" },
    set: { type: "string", valueHint: "KEY=VALUE", description: "Another value; repeatable" },
  },
  async run(words, context) {
    const { openSession } = await import("../session/index.ts");
    const file = words.required("config");
    const given = await loadRunConfig(file, overridesOf(words));
    const sets = given.evaluation.sets.map((set) => ({ ...set, when: ["before" as const] }));
    const config = {
      ...given,
      run: { ...given.run, steps: 0 },
      evaluation: { everySteps: 0, sets },
    };
    const name = `eval-${newRunName(file, context.clock())}`;
    const made = await makeRunDirectory(context.runs, name, config);
    return tellSession({ ...made, config, open: openSession, fresh: true }, context);
  },
};
