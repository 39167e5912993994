// Which varft this is.
import { readFile } from "node:fs/promises";

/** The version of the package, as `0.1.0`. */
export async function version(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { readonly version: unknown }).version);
}
