// Files that appear complete or not at all.
import { access, open, rename } from "node:fs/promises";

/** Writes `parts` to `file`: beside it first, then under its name, once all bytes are on disk. */
export async function writeWholeFile(
  file: string,
  parts: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>,
): Promise<void> {
  const partial = `${file}.partial`;
  const handle = await open(partial, "w");
  try {
    for await (const part of parts) await handle.writeFile(part);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(partial, file);
}

/** Tells whether something of this name is there. */
export async function fileExists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
