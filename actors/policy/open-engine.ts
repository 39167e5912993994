// Rollout's half of a policy whose engine is a server: no graph and no weights here, only
// tokenizer, images, and adapters on their way.
import { posix, resolve } from "node:path";
import type { RunConfig } from "../../config/index.ts";
import { assert, type HashName } from "../../events/index.ts";
import {
  openTokenizer,
  readConfig,
  readPreprocessor,
  requireVocabulary,
  TensorCodec,
  type Tuning,
  trainableParameters,
} from "../../model/index.ts";
import { ImageStore } from "../images.ts";
import {
  AdapterFolders,
  adapterName,
  engineSampler,
  ImageLinks,
  modelEncoder,
  openServer,
  requireSamplersLogProbs,
  type ServerEngine,
} from "../rollout/index.ts";
import { vocabularyOf } from "./vocabulary.ts";

/** Pairs of tokens that a server's log-probs are measured with, at most. */
const probesMax = 8;
/** How long a worker that ends takes to clear up at its server, in milliseconds. */
const closeMsMax = 5_000;

export interface EnginePolicyOptions {
  readonly config: RunConfig;
  readonly engine: ServerEngine;
  readonly tuning: Tuning;
  readonly readBlob: (name: HashName) => Promise<Uint8Array | null>;
  readonly apiKey: string | undefined;
}

/**
 * Opens the policy for sampling at a server. The server must serve the same checkpoint folder.
 *
 * @throws EngineSetupError where it is not set up as it must be, and as every request to it
 */
export async function openEnginePolicy(options: EnginePolicyOptions) {
  const { config, engine, tuning, readBlob, apiKey } = options;
  assert(tuning.type === "lora", "a configuration with a server trains adapters");
  const { directory } = config.model;
  const { contextTokensMax } = config.rollout;
  const tokenizer = await openTokenizer(directory);
  const model = await readConfig(directory);
  requireVocabulary(directory, tokenizer, model);
  const images = new ImageStore(await readPreprocessor(directory, model.vision), readBlob);
  const vocabulary = vocabularyOf(tokenizer, model);
  const ending = new AbortController();
  const opened = await openServer(engine, contextTokensMax, apiKey, ending.signal);
  const { server } = opened;
  const pairs = probePairs(vocabulary, model.text.vocabularySize);
  await requireSamplersLogProbs(server, engine.model, vocabulary.stopIds, pairs);
  const codec = new TensorCodec(trainableParameters(model, tuning));
  const written = resolve(engine.adapters);
  const folders = new AdapterFolders({ directory: written, model, tuning, codec, base: directory });
  const seen = engine.adaptersAtServer;
  const sampler = engineSampler({
    server,
    codec,
    folders,
    pathAtServer: (policy) =>
      seen === undefined ? folders.pathOf(policy) : posix.join(seen, adapterName(policy)),
    images: new ImageLinks((name) => images.resized(name)),
    imageId: model.tokens.image,
    rowsMax: engine.requestsMax,
    vocabularySize: model.text.vocabularySize,
    ...vocabulary,
  });
  return {
    sampler,
    encoder: modelEncoder(tokenizer, images),
    async close() {
      const late = setTimeout(() => ending.abort(), closeMsMax);
      await sampler.close();
      clearTimeout(late);
      ending.abort();
      server.close();
    },
  };
}

/** Tokens that may be sampled, two by two, from all over the vocabulary. */
function probePairs(
  { stopIds, bannedIds }: ReturnType<typeof vocabularyOf>,
  size: number,
): readonly (readonly [number, number])[] {
  const taken = new Set([...stopIds, ...bannedIds]);
  const free = Array.from({ length: size }, (_, id) => id).filter((id) => !taken.has(id));
  return Array.from({ length: probesMax }, (_, index) => {
    const at = Math.floor((index * (free.length - 1)) / probesMax);
    const [first, second] = free.slice(at);
    assert(first !== undefined && second !== undefined, "a vocabulary has tokens to sample");
    return [first, second] as const;
  });
}
