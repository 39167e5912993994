// A bundle on the disk of this host, as long as somebody looks at it: unpacked into a folder of our
// own making, which is gone afterwards unless somebody wants to keep the run.
import { cp, mkdir, open, rename, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureError } from "../../events/index.ts";
import { type UnpackedBundle, unpackBundle } from "../../storage/index.ts";
import type { CommandContext } from "../command.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import { stageLine } from "../live/index.ts";
import { configFile } from "../run/index.ts";
import { unpackedWords } from "./bundle-view.ts";
import { withTemporaryFolder } from "./temporary-folder.ts";

/** A bundle that lies unpacked. */
export interface UnpackedRun extends UnpackedBundle {
  readonly directory: string;
  /** Where the adapter's files lie, if it holds one. */
  readonly adapterDirectory: string;
  readonly fileBytes: number;
}

/** What is kept of a bundle that is well; null: nothing. */
export interface Keeping {
  /** A folder of runs that takes the run. */
  readonly into: string | null;
  /** A new folder that takes the adapter. */
  readonly adapter: string | null;
}

/**
 * Unpacks `file`, as long as `use` takes. Where that finds it well, what is wanted of it is kept.
 * @throws {BundleError} where it is no whole bundle
 */
export async function withUnpacked<T extends { readonly ok: boolean }>(
  file: string,
  { into, adapter }: Keeping,
  context: CommandContext,
  use: (unpacked: UnpackedRun) => Promise<T>,
): Promise<T> {
  await requireFile(file);
  const place = into ?? tmpdir();
  await mkdir(place, { recursive: true });
  if (adapter !== null) await requireNew(adapter, "the adapter");
  const lie = async (directory: string, adapterDirectory: string): Promise<T> => {
    const unpacked = await unpack(file, directory, adapterDirectory, context);
    const { run } = unpacked.manifest;
    const kept = into === null ? null : join(into, run);
    if (kept !== null) await requireNew(kept, run);
    if (adapter !== null) requireAdapter(file, unpacked);
    const found = await use(unpacked);
    if (!found.ok) return found;
    if (adapter !== null) await cp(adapterDirectory, adapter, { recursive: true });
    if (kept !== null) await rename(directory, kept);
    return found;
  };
  return withTemporaryFolder("varft-verify-adapter-", (adapterDirectory) =>
    withTemporaryFolder(".varft-verify-", (directory) => lie(directory, adapterDirectory), place),
  );
}

function requireAdapter(file: string, { adapter }: UnpackedBundle): void {
  if (adapter.length > 0) return;
  throw new UsageError(
    `${file} holds no adapter: varft bundle --adapter puts one in; varft verify --into DIR keeps ` +
      "the run, and varft model export writes its adapter",
  );
}

async function unpack(
  path: string,
  directory: string,
  adapterDirectory: string,
  context: CommandContext,
): Promise<UnpackedRun> {
  const file = await open(path, "r");
  const progress = stageLine(context, "unpacking", unpackedWords);
  try {
    const { size } = await file.stat();
    const unpacked = await unpackBundle({
      file,
      directory,
      adapterDirectory,
      settingsFile: configFile,
      onRead: (done) => progress.tell({ stage: "bytes", done, total: size }),
      signal: context.signal,
    });
    return { ...unpacked, directory, adapterDirectory, fileBytes: size };
  } finally {
    progress.clear();
    await file.close();
  }
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new NotFoundError(`${path} cannot be read: ${ensureError(cause).message}`, { cause });
  });
  if (found.isDirectory()) throw new UsageError(`${path} is a folder: name a bundle in it`);
}

async function requireNew(kept: string, run: string): Promise<void> {
  const isThere = await stat(kept).then(
    () => true,
    () => false,
  );
  if (isThere) throw new UsageError(`${kept} is there already: name another folder for ${run}`);
}
