// The stored bytes of golden events: one file for each, hexadecimal.
import { readdir, readFile, writeFile } from "node:fs/promises";

const hexCharsPerLine = 96;
const folder = new URL("../fixtures/events/", import.meta.url);
const ending = ".hex";

/** The names of those that are kept. */
export async function goldenNames(): Promise<string[]> {
  return (await readdir(folder)).map((file) => file.slice(0, -ending.length)).sort();
}

/** The stored bytes; null where nobody has kept them yet. */
export async function readGolden(name: string): Promise<Uint8Array | null> {
  const file = new URL(`${name}${ending}`, folder);
  const text = await readFile(file, "utf8").catch(() => null);
  return text === null ? null : Buffer.from(text.replaceAll("\n", ""), "hex");
}

/** Keeps bytes. */
export async function writeGolden(name: string, bytes: Uint8Array): Promise<void> {
  const hex = Buffer.from(bytes).toString("hex");
  const lines = hex.match(new RegExp(`.{1,${hexCharsPerLine}}`, "g")) ?? [];
  await writeFile(new URL(`${name}${ending}`, folder), `${lines.join("\n")}\n`);
}
