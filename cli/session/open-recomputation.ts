// The engine, the tokenizer and the tools of a replay that computes a run again.
import { EvidenceError, openRolloutPolicy } from "../../actors/index.ts";
import { protocolOf, type RunConfig } from "../../config/index.ts";
import { type HashName, hashName } from "../../events/index.ts";
import { recomputation, sampleOf } from "../../replay/index.ts";
import { environmentOf, withModes } from "../../tasks/index.ts";
import type { Closers } from "./closers.ts";
import { openRelearning, type RelearningOptions } from "./open-relearning.ts";
import { openTools } from "./parts.ts";
import { openSearch } from "./search.ts";

export interface RecomputationOptions extends RelearningOptions {
  /** The chain's hash at the end of what is replayed. */
  readonly ledgerHash: string;
  /** Share that is computed again, above 0, at most 1. */
  readonly share: number;
  /** Whether tool calls are carried out again. */
  readonly tools: boolean;
}

/** What computes a run again, and what is to be said about it. */
export async function openRecomputation(options: RecomputationOptions, closers: Closers) {
  const { started, config, reader, ledgerHash, share } = options;
  const { otherClass, exact, unproven, trainer, optimizer } = await openRelearning(
    options,
    closers,
  );
  const readBlob = (name: HashName) => reader.blobs.get(name);
  const { engine = null } = started.numericClass;
  const rollout = engine === null ? await openRolloutPolicy(config, readBlob) : null;
  closers.add(() => rollout?.close());
  const parts = {
    environment: withModes(environmentOf(protocolOf(config), config.rollout.cropOracle)),
    rollout,
    ...{ trainer, optimizer, exact },
    tools: options.tools ? await toolsOf(options, closers) : null,
    readBlob,
    sample: sampleOf(share, ledgerHash),
  };
  return {
    ...{ otherClass, exact, unproven },
    /** The server that sampled, whose tokens cannot be computed again. */
    engine,
    recomputation: await recomputation(started, config, parts),
  };
}

/** The search of a run as it can be made again: nobody is asked anew what was recorded. */
function repeatable(search: RunConfig["search"]): RunConfig["search"] {
  if (search.store !== undefined) return { ...search, mode: "replay" };
  if (search.type === "bm25") return search;
  throw new EvidenceError(
    `the run searched at ${search.url}, which may answer otherwise today: replay without --tools, ` +
      "or record the next run's answers with search.mode",
  );
}

async function toolsOf({ started, config, reader, env }: RecomputationOptions, closers: Closers) {
  const written = new Map<HashName, Uint8Array>();
  const blobs = {
    has: async (name: HashName) => written.has(name) || reader.blobs.has(name),
    get: async (name: HashName) => written.get(name) ?? (await reader.blobs.get(name)),
    async put(bytes: Uint8Array) {
      const name = hashName(bytes);
      written.set(name, bytes);
      return name;
    },
  };
  const silent = { directory: "", clock: () => 0, onEvent: () => {}, say: () => {} };
  const session = { ...silent, config, env, run: `${started.run}-replay` };
  const searched = { ...session, config: { ...config, search: repeatable(config.search) } };
  const search = await openSearch(searched, closers, new AbortController().signal);
  const { tools, digest } = await openTools(session, search, blobs, closers);
  closers.add(() => tools.close());
  const { sandbox } = started.numericClass;
  if (digest === sandbox) return tools;
  throw new EvidenceError(
    `the sandbox image is ${digest}, the run's was ${sandbox}: replay without --tools, or with the ` +
      "build of varft that made the run",
  );
}
