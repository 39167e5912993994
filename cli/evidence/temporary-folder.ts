// A folder that is there as long as somebody uses it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Hands a new folder to `use`, and removes it afterwards. @param place where it is made */
export async function withTemporaryFolder<T>(
  prefix: string,
  use: (folder: string) => Promise<T>,
  place: string = tmpdir(),
): Promise<T> {
  const folder = await mkdtemp(join(place, prefix));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
