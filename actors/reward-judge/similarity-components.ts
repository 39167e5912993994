// The components of a reward that ask a model of sentence embeddings.
import { openTextEmbedder } from "../../model/index.ts";
import type { MeasuredComponent } from "./book.ts";
import { referenceStepOf, stepOf } from "./components.ts";
import { RewardSetupError } from "./errors.ts";
import type { RewardSettings } from "./reward.ts";
import { type Alike, alikeBy, searchSimilarityOf, withAlike } from "./similarity.ts";

/** The components that compare searches. */
export async function similarityComponents(
  { searchSimilarity, stepAccuracy }: RewardSettings,
  embedders: Embedders,
): Promise<MeasuredComponent[]> {
  const found: MeasuredComponent[] = [];
  if (searchSimilarity !== undefined) {
    const { cut } = searchSimilarity;
    const { alike, name } = await embedders.open(searchSimilarity.model);
    found.push({
      name: "search_similarity",
      function: `search-similarity@1+${name}`,
      measure: (played) => searchSimilarityOf(played, alike, cut),
    });
  }
  if (stepAccuracy !== undefined) {
    const opened =
      stepAccuracy.model === undefined ? null : await embedders.open(stepAccuracy.model);
    const alike: Alike = opened?.alike ?? withoutModel;
    const { cut = 0 } = stepAccuracy;
    const suffix = opened === null ? "" : `+${opened.name}`;
    const isReference = stepAccuracy.mode === "reference";
    found.push({
      name: "step_accuracy",
      function: `${isReference ? "reference-step-accuracy" : "step-accuracy"}@1${suffix}`,
      measure: (played) =>
        isReference
          ? withAlike((similarity) => referenceStepOf(played, similarity), alike)
          : withAlike((similarity) => stepOf(played, similarity), cutting(alike, cut)),
    });
  }
  return found;
}

const withoutModel: Alike = () => {
  throw new RewardSetupError(
    "a step searches, and reward.step_accuracy.model names no folder of sentence embeddings",
  );
};

const cutting =
  (alike: Alike, cut: number): Alike =>
  async (given, wanted) => {
    const value = await alike(given, wanted);
    return value < cut ? 0 : value;
  };

/** The models that components ask; each is opened once. */
export class Embedders {
  readonly #opened = new Map<string, ReturnType<typeof openTextEmbedder>>();

  async open(directory: string): Promise<{ readonly alike: Alike; readonly name: string }> {
    const opening = this.#opened.get(directory) ?? openTextEmbedder(directory);
    this.#opened.set(directory, opening);
    const embedder = await opening;
    return { alike: alikeBy(embedder), name: embedder.hash.slice(0, 12) };
  }

  async close(): Promise<void> {
    for (const opening of this.#opened.values()) {
      await opening.then(
        (embedder) => embedder.close(),
        () => {},
      );
    }
  }
}
