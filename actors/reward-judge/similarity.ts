// How alike two searches are: the cosine of their sentence embeddings.
import type { TextEmbedder } from "../../model/index.ts";
import type { Similarity } from "../../tasks/index.ts";
import type { Played } from "./played.ts";

/** How alike two texts are, 0–1. */
export type Alike = (given: string, wanted: string) => Promise<number>;

/** Texts whose vectors are remembered. */
const textsMax = 8_192;

/** Likeness by `embedder`. A cosine below 0 counts as 0. */
export function alikeBy(embedder: Pick<TextEmbedder, "embed">): Alike {
  const known = new Map<string, Promise<Float32Array>>();
  const vectorOf = (text: string): Promise<Float32Array> => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = embedder.embed(text);
    known.set(text, made);
    made.catch(() => known.delete(text));
    for (const oldest of known.keys()) {
      if (known.size <= textsMax) break;
      known.delete(oldest);
    }
    return made;
  };
  return async (given, wanted) => {
    const [a, b] = [await vectorOf(given), await vectorOf(wanted)];
    const cosine = a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
    return Math.min(1, Math.max(0, cosine));
  };
}

/**
 * How near the searches of a trajectory come to those of a teacher: of each the likeness to the
 * nearest, and of these the mean. Likenesses below `cut` count as 0. 0 without a search or a
 * teacher.
 */
export async function searchSimilarityOf(
  { task, turns }: Played,
  alike: Alike,
  cut: number,
): Promise<number> {
  const taught = task.queries ?? [];
  const searches = turns.flatMap(({ action }) => (action.kind === "search" ? [action.query] : []));
  if (searches.length === 0 || taught.length === 0) return 0;
  let sum = 0;
  for (const search of searches) {
    let best = 0;
    for (const query of taught) best = Math.max(best, await alike(search, query));
    sum += best < cut ? 0 : best;
  }
  return sum / searches.length;
}

/** A pure function of a likeness, with one that has to be waited for. */
export async function withAlike(
  compute: (similarity: Similarity) => number,
  alike: Alike,
): Promise<number> {
  const pairs: (readonly [string, string])[] = [];
  compute((given, wanted) => {
    pairs.push([given, wanted]);
    return 0;
  });
  const values = new Map<string, number>();
  for (const [given, wanted] of pairs) {
    values.set(JSON.stringify([given, wanted]), await alike(given, wanted));
  }
  return compute((given, wanted) => values.get(JSON.stringify([given, wanted])) ?? 0);
}
