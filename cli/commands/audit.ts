// `varft audit RUN`: whether a run's directory is whole, consistent, and of known origin.
import { auditRun, verdictOf } from "../../replay/index.ts";
import { checkpointsFile, cutNotes } from "../../storage/index.ts";
import type { Command } from "../command.ts";
import { auditedWords, auditLines, trustArgs, trustOf } from "../evidence/index.ts";
import { exitCodes } from "../exit.ts";
import { stageLine } from "../live/index.ts";
import { checkpointsOf, runDirectory } from "../run/index.ts";
import { type Terminal, withoutSteering } from "../terminal.ts";

export const audit: Command = {
  name: "audit",
  about: "Check that a run's record is whole and consistent, and who signed it",
  args: {
    run: { type: "positional", description: "Name of the run" },
    ...trustArgs,
    "print-checkpoint": {
      type: "boolean",
      description: "Print the latest checkpoint, to be kept elsewhere, and check nothing",
    },
  },
  examples: [
    "varft audit RUN",
    "varft audit RUN --print-checkpoint > kept.txt",
    "varft audit RUN --strict --checkpoint kept.txt",
    'varft audit RUN --strict --key "$(cat kept-signing-key.pub)"',
  ],
  async run(words, context) {
    const { terminal, json, runs } = context;
    const name = words.required("run");
    const directory = await runDirectory(runs, name);
    if (words.flag("print-checkpoint")) return printCheckpoint(directory, name, terminal);
    const trust = await trustOf(words);
    const progress = stageLine(context, "auditing", auditedWords);
    const { signal } = context;
    try {
      const report = await auditRun(directory, { ...trust, onProgress: progress.tell, signal });
      const verdict = verdictOf(report, words.flag("strict"), name);
      progress.clear();
      if (json) terminal.out(`${JSON.stringify(verdict)}\n`);
      else terminal.out(`${auditLines(name, verdict, trust, terminal).join("\n")}\n`);
      return verdict.ok ? exitCodes.done : exitCodes.verification;
    } finally {
      progress.clear();
    }
  },
};

async function printCheckpoint(directory: string, run: string, terminal: Terminal) {
  const note = cutNotes(await checkpointsOf(directory)).notes.at(-1);
  if (note === undefined) {
    const why = `its ${checkpointsFile} was taken away, or a version that signed none made it`;
    terminal.err(`varft: ${run} has no checkpoint: ${why}.\n`);
    return exitCodes.failed;
  }
  terminal.out(withoutSteering(note));
  return exitCodes.done;
}
