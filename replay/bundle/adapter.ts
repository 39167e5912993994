// The adapter in a bundle, held against the one that the recorded policy gives: the same files, the
// same bytes. Pure.
import type { AdapterFile } from "../../storage/index.ts";

/**
 * How the adapter of a bundle is another one; null: it is not.
 * @param derived what the last recorded policy gives
 */
export function adapterFault(
  held: readonly AdapterFile[],
  derived: readonly AdapterFile[],
): string | null {
  for (const { file, sha256 } of derived) {
    const own = held.find((one) => one.file === file);
    if (own === undefined) return `${file} is missing`;
    if (own.sha256 === sha256) continue;
    return `${file} is ${own.sha256}, the last recorded policy gives ${sha256}`;
  }
  return null;
}
