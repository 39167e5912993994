// A corpus: JSON lines of {"id", "contents"}, as the common retrieval servers read it.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { z } from "zod";
import { CorpusError } from "../errors.ts";
import type { SearchHit } from "./types.ts";

const lineSchema = z.object({
  id: z.union([z.string(), z.int()]).transform(String),
  contents: z.string().min(1),
});

/** Reads a corpus file. @throws CorpusError naming the file and line. */
export async function readCorpus(path: string): Promise<readonly SearchHit[]> {
  const documents: SearchHit[] = [];
  const lineOfId = new Map<string, number>();
  let number = 0;
  const input = createReadStream(path, "utf8");
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (line.trim() === "") continue;
      const document = parseLine(path, number, line);
      const first = lineOfId.get(document.id);
      if (first !== undefined) {
        throw new CorpusError(`id "${document.id}" stands in line ${first} already`, {
          path,
          line: number,
        });
      }
      lineOfId.set(document.id, number);
      documents.push(document);
    }
  } catch (error) {
    if (error instanceof CorpusError) throw error;
    throw new CorpusError("the file cannot be read", { path, line: number, cause: error });
  }
  return documents;
}

function parseLine(path: string, line: number, text: string): SearchHit {
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
