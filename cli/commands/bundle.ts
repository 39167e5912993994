// `varft bundle RUN -o FILE`: a run in one file, for whoever wants to verify it.
import { type FileHandle, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BundleRunOptions, bundleRun, type MadeBundle } from "../../replay/index.ts";
import { checkpointKeysFile, type LedgerReader } from "../../storage/index.ts";
import type { Command } from "../command.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import {
  bundledWords,
  bundleIdentity,
  findPolicy,
  requireAdapters,
  withTemporaryFolder,
  writeRunAdapter,
} from "../evidence/index.ts";
import { exitCodes } from "../exit.ts";
import { stageLine } from "../live/index.ts";
import { checkpointsOf, configFile, runDirectory, withRun } from "../run/index.ts";
import { byteSize, duration, rate, shortHash, thousands } from "../text/index.ts";

export const bundle: Command = {
  name: "bundle",
  about: "Put a run into one file that anyone can verify",
  args: {
    run: { type: "positional", description: "Name of the run" },
    out: { type: "string", alias: "o", valueHint: "FILE", description: "New file (required)" },
    adapter: { type: "boolean", description: "With the last policy's adapter, as a PEFT folder" },
  },
  examples: [
    "varft bundle RUN -o run.varft.gz",
    "varft bundle RUN --adapter -o run.varft.gz",
    "varft verify run.varft.gz",
  ],
  async run(words, context) {
    const { terminal, json, runs, now, signal } = context;
    const [name, out] = [words.required("run"), words.required("out")];
    const directory = await runDirectory(runs, name);
    const startedMs = now();
    const progress = stageLine(context, "bundling", bundledWords);
    try {
      const made = await withNewFile(out, (file) =>
        withRun(runs, name, async (reader, run) =>
          withAdapter(words.flag("adapter"), reader, run, async (adapterOf) =>
            bundleRun({
              directory,
              reader,
              run,
              keys: (await textOf(directory, checkpointKeysFile)) ?? "",
              checkpoints: await checkpointsOf(directory),
              settings: await textOf(directory, configFile),
              identityOf: bundleIdentity,
              adapterOf,
              file,
              onProgress: progress.tell,
              signal,
            }),
          ),
        ),
      );
      progress.clear();
      const { size } = await stat(out);
      const seconds = (now() - startedMs) / 1_000;
      if (json) terminal.out(`${JSON.stringify(documentOf(made, out, size, seconds))}\n`);
      else terminal.out(`${lines(made, out, size, seconds).join("\n")}\n`);
      return exitCodes.done;
    } finally {
      progress.clear();
    }
  },
};

/**
 * Hands `use` what writes the adapter of a policy, where that is wanted, into a temporary folder.
 */
async function withAdapter<T>(
  isWanted: boolean,
  reader: LedgerReader,
  run: string,
  use: (adapterOf: BundleRunOptions["adapterOf"]) => Promise<T>,
): Promise<T> {
  if (!isWanted) return use(null);
  requireAdapters(await findPolicy(reader, run, null));
  return withTemporaryFolder("varft-adapter-", (folder) =>
    use(async ({ step }) => {
      await writeRunAdapter(await findPolicy(reader, run, step), folder);
      return folder;
    }),
  );
}

/** Has a file written under another name, which it gets once it is whole. */
async function withNewFile<T>(out: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  const isThere = await stat(out).then(
    () => true,
    () => false,
  );
  if (isThere) throw new UsageError(`${out} is there already: name a new file`);
  const draft = `${out}.${process.pid}.partial`;
  const file = await open(draft, "wx").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
    throw new NotFoundError(`${out} cannot be written: there is no folder ${dirname(out)}`, {
      cause,
    });
  });
  try {
    const written = await write(file);
    await file.close();
    await rename(draft, out);
    return written;
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

function textOf(directory: string, file: string): Promise<string | null> {
  return readFile(join(directory, file), "utf8").catch(() => null);
}

function documentOf(made: MadeBundle, file: string, size: number, wallSeconds: number) {
  const { manifest, totals, adapter, left } = made;
  const { run, state, chain } = manifest;
  return {
    ...{ type: "result", file, run, state, bytes: size },
    ...{ ...totals, chain, adapter, left, wallSeconds },
  };
}

function lines(
  { manifest, totals, adapter, left }: MadeBundle,
  file: string,
  size: number,
  s: number,
) {
  const { events, blobs, blobBytes, content } = totals;
  const words: Readonly<Record<typeof manifest.state, string>> = {
    completed: "is completed",
    stopped: "has stopped before its end",
    running: `goes on: taken at its latest checkpoint, ${thousands(left)} events later are left out`,
  };
  return [
    `${file}  ${byteSize(size)} in ${duration(s)} (${rate(size / Math.max(s, 1e-3) / 1e6)} MB/s)`,
    `${thousands(events)} events, ${thousands(blobs)} blobs of ${byteSize(blobBytes)}`,
    `content ${shortHash(content)}; the run ${words[manifest.state]}`,
    ...(adapter === null ? [] : [`with the adapter of the policy after step ${adapter.step}`]),
    `varft verify ${file} checks it, anywhere.`,
  ];
}
