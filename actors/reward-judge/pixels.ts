// How far an image is from the right repair.
import type { HashName } from "../../events/index.ts";
import { decodeImage } from "../../model/index.ts";
import type { ComparePixels } from "./measure.ts";

/** Comparisons that are remembered. */
const comparisonsMax = 16_384;

/**
 * Compares stored images: the mean absolute difference over all pixels and channels, 0–255; null
 * where the sizes differ or one does not decode.
 */
export function pixelComparison(
  readBlob: (name: HashName) => Promise<Uint8Array | null>,
): ComparePixels {
  const known = new Map<string, Promise<number | null>>();
  return (image, reference) => {
    const key = `${image} ${reference}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const compared = compare(readBlob, image, reference);
    known.set(key, compared);
    // A failure is not an answer: the next one who asks tries again.
    compared.catch(() => known.delete(key));
    for (const oldest of known.keys()) {
      if (known.size <= comparisonsMax) break;
      known.delete(oldest);
    }
    return compared;
  };
}

async function compare(
  readBlob: (name: HashName) => Promise<Uint8Array | null>,
  image: HashName,
  reference: HashName,
): Promise<number | null> {
  const [a, b] = await Promise.all([image, reference].map((name) => decode(readBlob, name)));
  if (!a || !b || a.width !== b.width || a.height !== b.height) return null;
  let sum = 0;
  for (const [index, value] of a.data.entries()) sum += Math.abs(value - (b.data[index] ?? 0));
  return sum / a.data.length;
}

async function decode(
  readBlob: (name: HashName) => Promise<Uint8Array | null>,
  name: HashName,
): Promise<Awaited<ReturnType<typeof decodeImage>> | null> {
  const bytes = await readBlob(name);
  return bytes === null ? null : decodeImage(bytes, { source: `image ${name}` }).catch(() => null);
}
