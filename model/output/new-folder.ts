// Folders that are written as a whole: into nothing, and gone again when the writing fails.
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { OutputError } from "./errors.ts";

/**
 * Runs `write` over a folder that is new or empty. When it fails, what it wrote is removed.
 *
 * @throws OutputError when the folder holds something
 */
export async function intoNewFolder(directory: string, write: () => Promise<void>): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  const isNew = (await mkdir(directory, { recursive: true })) !== undefined;
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
