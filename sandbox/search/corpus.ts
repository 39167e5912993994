// A corpus: JSON lines of {"id", "contents"}, as the common retrieval servers read it.
import { z } from "zod";
import { CorpusError } from "../errors.ts";
import { type EachLineOptions, eachLine, type LinePlace, LongLineError } from "./lines.ts";
import type { Passage } from "./types.ts";

const lineSchema = z.object({
  id: z.union([z.string(), z.int()]).transform(String),
  contents: z.string().min(1),
});

/** Reads a whole corpus. @throws CorpusError naming the file and line. */
export async function readCorpus(path: string): Promise<readonly Passage[]> {
  const documents: Passage[] = [];
  const lineOfId = new Map<string, number>();
  await eachPassage(path, (document, { number }) => {
    const first = lineOfId.get(document.id);
    if (first !== undefined) throw repeatedId(path, document.id, { first, line: number });
    lineOfId.set(document.id, number);
    documents.push(document);
  });
  return documents;
}

/** Reads a corpus passage by passage; blank lines are none. @throws CorpusError */
export async function eachPassage(
  path: string,
  onPassage: (passage: Passage, place: LinePlace, bytes: number) => void,
  options: EachLineOptions = {},
): Promise<void> {
  let line = 1;
  const take = (bytes: Buffer, place: LinePlace): void => {
    line = place.number;
    const text = bytes.toString();
    if (text.trim() !== "") onPassage(parsePassage(path, line, text), place, bytes.length);
  };
  try {
    await eachLine(path, take, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof CorpusError) throw error;
    if (error instanceof LongLineError) {
      throw new CorpusError(error.message, { path, line: error.line, cause: error });
    }
    throw new CorpusError("the file cannot be read", { path, line, cause: error });
  }
}

/** The passage of a line. @throws CorpusError */
export function parsePassage(path: string, line: number, text: string): Passage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CorpusError("not JSON", { path, line, cause: error });
  }
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) {
    throw new CorpusError('expected {"id": string, "contents": string}', { path, line });
  }
  return { id: parsed.data.id, text: parsed.data.contents };
}

/** Two passages of one id. */
export function repeatedId(
  path: string,
  id: string,
  { first, line }: { readonly first: number; readonly line: number },
): CorpusError {
  return new CorpusError(`id "${id}" stands in line ${first} already`, { path, line });
}
