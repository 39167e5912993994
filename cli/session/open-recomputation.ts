// The engine, the tokenizer and the tools of a replay that computes a run again.
import {
  checkpointHash,
  EvidenceError,
  initialPolicy,
  openLearnerPolicy,
  openRolloutPolicy,
} from "../../actors/index.ts";
import { protocolOf, type RunConfig } from "../../config/index.ts";
import { type EventData, type HashName, hashName } from "../../events/index.ts";
import { recomputation, sampleOf } from "../../replay/index.ts";
import { differenceOf } from "../../runtime/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { environmentOf, withModes } from "../../tasks/index.ts";
import { NotFoundError } from "../errors.ts";
import type { Closers } from "./closers.ts";
import { runClassOf } from "./devices.ts";
import { openTools } from "./parts.ts";
import { openSearch } from "./search.ts";

export interface RecomputationOptions {
  readonly started: EventData<"run.started">;
  /** The run's own; its checkpoint folder may have been named anew. */
  readonly config: RunConfig;
  readonly reader: Pick<LedgerReader, "blobs">;
  /** The chain's hash at the end of what is replayed. */
  readonly ledgerHash: string;
  /** Share that is computed again, above 0, at most 1. */
  readonly share: number;
  /** Whether tool calls are carried out again. */
  readonly tools: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What computes a run again, and what is to be said about it. */
export async function openRecomputation(options: RecomputationOptions, closers: Closers) {
  const { started, config, reader, ledgerHash, share, env } = options;
  await requireBase(started, config);
  const readBlob = (name: HashName) => reader.blobs.get(name);
  const { sandbox, engine = null } = started.numericClass;
  const here = await runClassOf({ config, sandbox, engine, path: env["PATH"] ?? "" });
  const otherClass = differenceOf(here, started.numericClass);
  const learner = await openLearnerPolicy(config, readBlob);
  closers.add(() => learner.close());
  const rollout = engine === null ? await openRolloutPolicy(config, readBlob) : null;
  closers.add(() => rollout?.close());
  const parts = {
    environment: withModes(environmentOf(protocolOf(config), config.rollout.cropOracle)),
    rollout,
    trainer: learner.trainer,
    optimizer: learner.optimizer,
    tools: options.tools ? await toolsOf(options, closers) : null,
    readBlob,
    // Where bytes may depend on the batch, nobody promised that they are equal.
    exact: otherClass === null && config.determinism === "strict",
    sample: sampleOf(share, ledgerHash),
  };
  return {
    otherClass,
    exact: parts.exact,
    /** The server that sampled, whose tokens cannot be computed again. */
    engine,
    recomputation: await recomputation(started, config, parts),
  };
}

/** Another checkpoint would differ everywhere and prove nothing. */
async function requireBase(
  { base, policy, optimizer, parent }: EventData<"run.started">,
  config: RunConfig,
): Promise<void> {
  const { directory } = config.model;
  const found = await checkpointHash(directory).catch((cause: unknown) => {
    const words = `the checkpoint in ${directory} cannot be read`;
    throw new NotFoundError(`${words}: name its folder with --model DIR`, { cause });
  });
  if (found !== base) {
    throw new EvidenceError(
      `the checkpoint in ${directory} is ${found}, the run began with ${base}: ` +
        "name its folder with --model DIR",
    );
  }
  // What a fork begins with was learned, and is not made of the checkpoint.
  if (parent !== undefined) return;
  const initial = await initialPolicy(config);
  if (hashName(initial.policy) === policy && hashName(initial.optimizer) === optimizer) return;
  throw new EvidenceError(
    `the checkpoint in ${directory} makes ${hashName(initial.policy)} of itself, the run says it ` +
      `began with ${policy}`,
  );
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
