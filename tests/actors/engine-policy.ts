// What stands behind the test's server: a real policy, with the adapters that it was told to load
// from their folders. So its log-probs are those of that adapter and of no other.

import { hashName, RandomStream } from "../../events/index.ts";
import {
  type AdapterPolicy,
  adapterPolicy,
  decodeImage,
  imageTokenCount,
  openAdapter,
  openPolicy,
  preprocessImage,
  readConfig,
  readPreprocessor,
  type TensorMap,
  type Turn,
} from "../../model/index.ts";

/** What is asked of it, in no server's words. */
export interface PolicyQuestion {
  /** null: the base model. */
  readonly adapter: AdapterPolicy | null;
  /** One image token per image. */
  readonly ids: readonly number[];
  /** Data URLs. */
  readonly images: readonly string[];
  readonly tokensMax: number;
  readonly temperature: number;
  readonly seed: number;
  readonly stopIds: readonly number[];
  readonly isAllowed: (id: number) => boolean;
}

export interface PolicyAnswer {
  readonly turn: Turn;
  /** The context, images written out. */
  readonly prompt: readonly number[];
}

/** Opens a checkpoint folder for adapters of this rank and alpha on the language model. */
export async function openEngineModel(directory: string, rank: number, alpha: number) {
  const tuning = { type: "lora", rank, alpha, seed: 0, scope: "language" } as const;
  const roles = ["vision", "generate"] as const;
  const policy = await openPolicy({ directory, tuning, threads: 1, roles });
  const model = await readConfig(directory);
  const preprocessor = await readPreprocessor(directory, model.vision);
  const base: TensorMap = policy.trainable;
  let last: Promise<unknown> = Promise.resolve();
  const sample = async (question: PolicyQuestion): Promise<PolicyAnswer> => {
    const { ids, adapter, temperature, tokensMax, seed, stopIds, isAllowed } = question;
    const images = await Promise.all(
      question.images.map(async (link) => {
        const bytes = Buffer.from(link.slice(link.indexOf(",") + 1), "base64");
        const image = preprocessImage(await decodeImage(bytes), preprocessor);
        return { hash: hashName(bytes), ...image };
      }),
    );
    let next = 0;
    const prompt = ids.flatMap((id) => {
      const image = id === model.tokens.image ? images[next++] : undefined;
      if (image === undefined) return [id];
      return new Array<number>(imageTokenCount(image.grid, preprocessor.mergeSize)).fill(id);
    });
    const random = new RandomStream("engine", seed);
    const row = {
      context: { ids: Int32Array.from(prompt), images },
      uniforms: Float32Array.from({ length: tokensMax }, () => random.uniform()),
      tokensMax,
    };
    const bannedIds = Array.from({ length: model.text.vocabularySize }, (_, id) => id).filter(
      (id) => !isAllowed(id),
    );
    const greedy = temperature === 0;
    const settings = { temperature: greedy ? 1 : temperature, greedy, stopIds, bannedIds };
    const [turn] = await policy.generate(adapter?.parameters ?? base, [row], settings);
    if (turn === undefined) throw new Error("one turn per row");
    return { turn, prompt };
  };
  return {
    vocabularySize: model.text.vocabularySize,
    /** Reads an adapter folder, as a server does. */
    read: async (folder: string) => adapterPolicy(await openAdapter(folder, model), model),
    /** Samples, one question after the other. */
    sample(question: PolicyQuestion): Promise<PolicyAnswer> {
      const answer = last.then(() => sample(question));
      last = answer.catch(() => {});
      return answer;
    },
    close: () => policy.close(),
  };
}

export type EngineModel = Awaited<ReturnType<typeof openEngineModel>>;
