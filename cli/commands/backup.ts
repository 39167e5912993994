// `varft backup RUN -o DIR`: a run's directory copied, also while the run goes on.
import { copyFile, mkdir, realpath, rename } from "node:fs/promises";
import { join } from "node:path";
import { copyRun, openLedgerReader } from "../../storage/index.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../errors.ts";
import { type StageLine, stageLine } from "../live/index.ts";
import { filesBeside, runDirectory } from "../run/index.ts";
import { byteSize, duration, thousands } from "../text/index.ts";

export const backup: Command = {
  name: "backup",
  about: "Copy a run, also while it goes on; a second copy adds what is new",
  args: {
    run: { type: "positional", description: "Name of the run" },
    out: {
      type: "string",
      alias: "o",
      valueHint: "DIR",
      description: "Folder of copies, used like a runs folder: DIR/RUN (required)",
    },
  },
  examples: [
    "varft backup RUN -o /backups",
    "varft audit RUN --runs /backups",
    "varft train --resume RUN --runs /backups",
  ],
  async run(words, context) {
    const { terminal, json, runs, signal, now } = context;
    const run = words.required("run");
    const source = await runDirectory(runs, run);
    const target = join(words.required("out"), run);
    // Of what cannot be read no copy is begun.
    await (await openLedgerReader(source)).close();
    await mkdir(target, { recursive: true });
    if ((await realpath(source)) === (await realpath(target))) {
      throw new UsageError(`${target} is the run itself: name another folder`);
    }
    const startedMs = now();
    const line = stageLine(context, "copying", ({ done, total, stage }) => {
      return `${thousands(done)} of ${thousands(total)} ${stage}`;
    });
    // Checkpoints only grow: those of before the copy begins are all of events that it holds.
    await copyFiles(source, target);
    const report = await copied(source, target, line, signal);
    const seconds = (now() - startedMs) / 1_000;
    const { size, hash, added } = report;
    if (json) {
      const facts = { type: "result", run, directory: target, events: size, hash, added };
      terminal.out(`${JSON.stringify({ ...facts, wallSeconds: seconds })}\n`);
    } else {
      const what = `${thousands(added.events)} events and ${thousands(added.blobs)} blobs`;
      terminal.out(
        `${target} holds ${thousands(size)} events of ${run}, the chain's hash ` +
          `${hash.slice(0, 12)} as there.\n` +
          `New: ${what}, ${byteSize(added.bytes)} in ${duration(seconds)}.\n`,
      );
    }
    return 0;
  },
};

async function copied(source: string, target: string, line: StageLine, signal: AbortSignal) {
  try {
    return await copyRun(source, target, {
      signal,
      onProgress: ({ events, total }) => line.tell({ stage: "events", done: events, total }),
    });
  } finally {
    line.clear();
  }
}

/** The files beside the ledger, each replaced in one moment. */
async function copyFiles(source: string, target: string): Promise<void> {
  for (const file of filesBeside) {
    const draft = join(target, `${file}.partial`);
    try {
      await copyFile(join(source, file), draft);
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") continue;
      throw thrown;
    }
    await rename(draft, join(target, file));
  }
}
