// A seeded corpus in which words follow Zipf's law, as in text: the first stands in nearly every
// passage, most in a handful. And questions in the same words.
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { RandomStream } from "../../events/index.ts";

const vocabulary = 500_000;
/** Words of a passage, as in the corpora of passages that retrievers are published with. */
const wordsMin = 70;
const wordsMax = 130;
const queryWordsMin = 3;
const queryWordsMax = 9;

/** The word of rank `rank`: letters, the commoner the fewer. */
function wordOf(rank: number): string {
  let word = "";
  for (let rest = rank; rest > 0; rest = Math.floor(rest / 26)) {
    word += String.fromCharCode(97 + (rest % 26));
  }
  return word;
}

const words = Array.from({ length: vocabulary }, (_, rank) => wordOf(rank + 1));

function text(random: RandomStream, min: number, max: number): string {
  const count = min + random.integer(max - min + 1);
  let line = "";
  for (let index = 0; index < count; index++) {
    // Density 1 / rank: rank is vocabulary to the power of a uniform number.
    line += `${words[Math.floor(vocabulary ** random.uniform()) - 1] ?? ""} `;
  }
  return line.trimEnd();
}

/** Writes `passages` JSON lines to `path`. */
export async function writeZipfCorpus(path: string, passages: number): Promise<void> {
  const random = new RandomStream("bench", "zipf", passages);
  const file = createWriteStream(path);
  const linesPerWrite = 256;
  for (let start = 0; start < passages; start += linesPerWrite) {
    let lines = "";
    for (let id = start; id < Math.min(passages, start + linesPerWrite); id++) {
      lines += `{"id":"${id}","contents":"${text(random, wordsMin, wordsMax)}"}\n`;
    }
    if (!file.write(lines)) await once(file, "drain");
  }
  file.end();
  await finished(file);
}

/** `count` questions, their words drawn as those of the passages are. */
export function zipfQueries(count: number): readonly string[] {
  const random = new RandomStream("bench", "zipf queries");
  return Array.from({ length: count }, () => text(random, queryWordsMin, queryWordsMax));
}
