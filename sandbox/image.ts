// The tag of the sandbox image that set-up builds from `image/`.
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { sha256Hex } from "../events/index.ts";

const imageFolder = new URL("./image/", import.meta.url);
const tagCharacters = 12;

/**
 * The same name as `image_tag` in scripts/setup-image.sh: a hash over the names and contents, and
 * over the Debian packages that are added.
 */
export async function sandboxImageTag(packages: readonly string[] = []): Promise<string> {
  const entries = await readdir(fileURLToPath(imageFolder), { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  const lines = await Promise.all(
    names.sort().map(async (name) => {
      const bytes = await readFile(new URL(name, imageFolder));
      return `${sha256Hex(bytes)}  ${name}\n`;
    }),
  );
  const added = [...new Set(packages)].sort().join(" ");
  if (added !== "") lines.push(`packages ${added}\n`);
  return `varft-sandbox:${sha256Hex(Buffer.from(lines.join(""))).slice(0, tagCharacters)}`;
}
