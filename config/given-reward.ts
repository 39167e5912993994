// A reward that is given by itself: the `[reward]` of a TOML file, of a shipped preset, or a
// module.
import { readdir, readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "smol-toml";
import { isTable } from "./case.ts";
import { ConfigError } from "./errors.ts";
import { nearest } from "./nearest.ts";
import { type GivenReward, loadReward } from "./read.ts";

const moduleEnding = /\.[cm]?[jt]s$/;
const presetsFolder = new URL("./", import.meta.url);

/**
 * The reward that `word` names: a module (`.ts`, `.js`), whose value is the whole reward; a TOML
 * file; or a shipped preset without its ending.
 * @throws {ConfigError}
 */
export async function readGivenReward(word: string): Promise<GivenReward> {
  if (moduleEnding.test(word)) return rewardOfModule(word);
  if (extname(word) === ".toml") return loadReward(word);
  const names = await presetNames();
  if (names.includes(word))
    return loadReward(fileURLToPath(new URL(`${word}.toml`, presetsFolder)));
  const near = nearest(word, names);
  const mend = near === null ? `presets are ${names.join(", ")}` : `did you mean "${near}"?`;
  const reason = `"${word}" is no preset, no TOML file and no module; ${mend}`;
  throw new ConfigError([{ key: "reward", place: "--reward", reason }]);
}

function rewardOfModule(path: string): GivenReward {
  const stem = basename(path, extname(path))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_");
  const name = /^[a-z]/.test(stem) ? stem : `module_${stem}`;
  return { reward: { modules: [{ name, weight: 1, path }] }, placeOf: () => path };
}

/** The shipped files that pay for something. */
async function presetNames(): Promise<readonly string[]> {
  const files = (await readdir(presetsFolder)).filter((file) => file.endsWith(".toml"));
  const read = async (file: string) => parse(await readFile(new URL(file, presetsFolder), "utf8"));
  const tables = await Promise.all(files.map(read));
  const paying = files.filter((_, index) => isTable(tables[index]?.["reward"]));
  return paying.map((file) => basename(file, ".toml")).sort();
}
