// Folders that are written as a whole: into nothing, and gone again when the writing fails.
import { mkdir, readdir, rm } from "node:fs/promises";
import { ensureError } from "../../events/index.ts";
import { OutputError } from "./errors.ts";

/**
 * Runs `write` over a folder that is new or empty. When it fails, what it wrote is removed.
 *
 * @throws OutputError when the folder holds something or cannot be made
 */
export async function intoNewFolder(directory: string, write: () => Promise<void>): Promise<void> {
  const isNew = (await makeFolder(directory)) !== undefined;
  const [found] = await readdir(directory);
  if (found !== undefined) {
    throw new OutputError(
      "output.not_empty",
      `${directory} is not empty (${found}); name a new folder, or remove this one first`,
      { facts: { directory } },
    );
  }
  try {
    await write();
  } catch (thrown) {
    for (const file of await readdir(directory)) await rm(`${directory}/${file}`, { force: true });
    if (isNew) await rm(directory, { recursive: true, force: true });
    throw thrown;
  }
}

/** The first folder that had to be made; undefined where all were there. */
async function makeFolder(directory: string): Promise<string | undefined> {
  return await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw new OutputError(
      "output.folder",
      `${directory} cannot be made: ${ensureError(error).message}; name another folder`,
      { cause: error, facts: { directory } },
    );
  });
}
