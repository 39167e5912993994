// A bundle on the disk of this host, as long as somebody looks at it: unpacked into a folder of our
// own making, which is gone afterwards unless somebody wants to keep the run.
import { mkdir, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type UnpackedBundle, unpackBundle } from "../../storage/index.ts";
import type { CommandContext } from "../command.ts";
import { UsageError } from "../errors.ts";
import { stageLine } from "../live/index.ts";
import { configFile } from "../run/index.ts";
import { unpackedWords } from "./bundle-view.ts";

/** A bundle that lies unpacked. */
export interface UnpackedRun extends UnpackedBundle {
  readonly directory: string;
  readonly fileBytes: number;
}

/**
 * Unpacks `file`, as long as `use` takes. Where that finds it well and `into` names a folder of
 * runs, the run is kept there.
 * @throws {BundleError} where it is no whole bundle
 */
export async function withUnpacked<T extends { readonly ok: boolean }>(
  file: string,
  into: string | null,
  context: CommandContext,
  use: (unpacked: UnpackedRun) => Promise<T>,
): Promise<T> {
  const place = into ?? tmpdir();
  await mkdir(place, { recursive: true });
  const directory = await mkdtemp(join(place, ".varft-verify-"));
  try {
    const unpacked = await unpack(file, directory, context);
    const { run } = unpacked.manifest;
    const kept = into === null ? null : join(into, run);
    if (kept !== null) await requireNew(kept, run);
    const found = await use(unpacked);
    if (kept !== null && found.ok) await rename(directory, kept);
    return found;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function unpack(
  path: string,
  directory: string,
  context: CommandContext,
): Promise<UnpackedRun> {
  const file = await open(path, "r");
  const progress = stageLine(context, "unpacking", unpackedWords);
  try {
    const { size } = await file.stat();
    const unpacked = await unpackBundle({
      file,
      directory,
      settingsFile: configFile,
      onRead: (done) => progress.tell({ stage: "bytes", done, total: size }),
      signal: context.signal,
    });
    return { ...unpacked, directory, fileBytes: size };
  } finally {
    progress.clear();
    await file.close();
  }
}

async function requireNew(kept: string, run: string): Promise<void> {
  const isThere = await stat(kept).then(
    () => true,
    () => false,
  );
  if (isThere) throw new UsageError(`${kept} is there already: name another folder for ${run}`);
}
