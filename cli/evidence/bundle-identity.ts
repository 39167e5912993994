// What only this host can say of a run, for its bundle: the files of its checkpoint, and what makes
// the bundle.
import { readFile } from "node:fs/promises";
import { checkpointFiles, checkpointName } from "../../actors/index.ts";
import { restoreRunConfig } from "../../config/index.ts";
import { type EventData, type HashName, hashName } from "../../events/index.ts";
import type { BundleIdentity } from "../../replay/index.ts";
import { numericClassOf } from "../../runtime/index.ts";
import { version } from "../version.ts";

const lockFile = new URL("../../package-lock.json", import.meta.url);

/** The identity of a run that began as `started` says. */
export async function bundleIdentity(started: EventData<"run.started">): Promise<BundleIdentity> {
  const { code } = await numericClassOf({ sandbox: "none", accelerator: null });
  return {
    model: await modelOf(started),
    madeBy: { varft: await version(), code, lockFile: await hashOf(lockFile) },
  };
}

/** The checkpoint's files; null where they are not here, or are others by now. */
async function modelOf({ config, base }: EventData<"run.started">) {
  const { directory } = restoreRunConfig(config).model;
  const files = await checkpointFiles(directory).catch(() => []);
  return checkpointName(files) === base ? [...files] : null;
}

async function hashOf(file: URL): Promise<HashName | null> {
  const bytes = await readFile(file).catch(() => null);
  return bytes === null ? null : hashName(bytes);
}
