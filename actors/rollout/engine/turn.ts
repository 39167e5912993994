// A turn as a question to a server: the context folded, images attached, the answer checked. Whose
// turn it is (the base model's, an adapter's) is only a name here, so that a model without an
// adapter can be asked in the same way.
import type { SampledTurn, TurnRequest } from "../ports.ts";
import type { EngineQuestion } from "./dialect.ts";
import { foldImages, type ImageLinks } from "./prompt.ts";
import type { EngineServer } from "./server.ts";

export interface TurnAskerOptions {
  readonly server: EngineServer;
  readonly images: ImageLinks;
  readonly imageId: number;
  /** Tokens that end a turn. */
  readonly stopIds: readonly number[];
  /** Tokens that are never sampled. */
  readonly bannedIds: readonly number[];
  readonly vocabularySize: number;
}

/** Samples a turn of the model that is served as `model`; temperature 0 is greedy. */
export type AskTurn = (
  request: TurnRequest,
  model: string,
  temperature: number,
) => Promise<SampledTurn>;

export function turnAsker(options: TurnAskerOptions): AskTurn {
  const { server, images, imageId, vocabularySize } = options;
  const stopIds = new Set(options.stopIds);
  const bannedIds = new Set(options.bannedIds);
  return async (request, model, temperature) => {
    const tokensMax = request.uniforms.length;
    const question: EngineQuestion = {
      model,
      ids: foldImages(request.ids, imageId, request.images.length),
      images: await Promise.all(request.images.map((name) => images.get(name))),
      tokensMax,
      temperature,
      seed: request.seed,
      stopIds: options.stopIds,
      bannedIds: options.bannedIds,
    };
    const rules = { context: request.ids, tokensMax, vocabularySize, stopIds, bannedIds };
    return server.sample(question, rules);
  };
}
