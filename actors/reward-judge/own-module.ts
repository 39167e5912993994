// A person's own reward: a module of theirs, loaded by its path. It runs in the process that judges
// and is trusted like varft itself; its file's hash is recorded with every value.
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureError, type HashName, hashName } from "../../events/index.ts";
import { RewardModuleError } from "./errors.ts";
import type { Played } from "./played.ts";

/** What a module may ask for. */
export interface RewardTools {
  /**
   * An image of the trajectory or of its task as PNG, JPEG or WebP; null where it is not stored.
   */
  readonly readImage: (name: HashName) => Promise<Uint8Array | null>;
}

/** What a module of one's own exports. */
export interface RewardModule {
  /** The component's value; any finite number, 0–1 by custom. Equal trajectories, equal values. */
  reward(played: Played, tools: RewardTools): number | Promise<number>;
}

/** A module that was loaded. */
export interface LoadedModule {
  /** Of the file's bytes. */
  readonly hash: HashName;
  reward(played: Played): Promise<number>;
}

/** Loads the module. @throws {RewardModuleError} */
export async function loadRewardModule(path: string, tools: RewardTools): Promise<LoadedModule> {
  const file = resolve(path);
  const bytes = await readFile(file).catch((cause) => {
    const what = `cannot be read: ${ensureError(cause).message}`;
    throw new RewardModuleError({ path, what }, { cause });
  });
  const hash = hashName(bytes);
  const loaded = await load(path, `${pathToFileURL(file).href}?hash=${hash}`);
  return {
    hash,
    async reward(played) {
      const { trajectory } = played;
      let value: unknown;
      try {
        value = await loaded.reward(played, tools);
      } catch (cause) {
        const what = `threw ${ensureError(cause).message}`;
        throw new RewardModuleError({ path, what, trajectory }, { cause });
      }
      if (typeof value === "number" && Number.isFinite(value)) return value;
      const what = `gave ${String(value)}, no finite number`;
      throw new RewardModuleError({ path, what, trajectory });
    },
  };
}

async function load(path: string, url: string): Promise<RewardModule> {
  let loaded: Partial<RewardModule>;
  try {
    loaded = (await import(url)) as Partial<RewardModule>;
  } catch (cause) {
    const what = `cannot be loaded: ${ensureError(cause).message}`;
    throw new RewardModuleError({ path, what }, { cause });
  }
  if (typeof loaded.reward === "function") return loaded as RewardModule;
  throw new RewardModuleError({ path, what: "exports no function `reward(played, tools)`" });
}
