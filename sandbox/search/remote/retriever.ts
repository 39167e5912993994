// A retrieval server as Search-R1 and its descendants run one: POST {"queries", "topk",
// "return_scores"} and {"result": [[{"document": {"contents"}, "score"}]]} back, one list for each
// query. Servers that leave the scores away give the documents themselves.
import { z } from "zod";
import { SearchProtocolError } from "../errors.ts";
import { normalizeQuery } from "../tokens.ts";
import type { Search, SearchAnswer, SearchHit } from "../types.ts";
import { boundedHit } from "./hit.ts";
import type { SearchServer } from "./server.ts";

const text = z.string().min(1).optional().catch(undefined);

const document = z.object({
  id: z.union([z.string(), z.number()]).transform(String).optional().catch(undefined),
  /** `"title"`, then the text on the next line. */
  contents: text,
  title: text,
  text,
});

const scored = z.object({ document, score: z.number().optional().catch(undefined) });
const item = z.union([
  scored,
  document.transform((bare) => ({ document: bare, score: undefined })),
]);

const answerSchema = z.object({ result: z.tuple([z.array(item)]) });

/** The hits in an answer to one query, best first. @throws SearchProtocolError */
export function retrieverHits(json: unknown, request: string): readonly SearchHit[] {
  const parsed = answerSchema.safeParse(json);
  if (!parsed.success) {
    const reason = 'is not {"result": [[{"document": {"contents"}}]]}, one list for the query';
    throw new SearchProtocolError(request, { reason });
  }
  const [items] = parsed.data.result;
  return items.flatMap(({ document: { id, contents, title, text: body }, score }, index) => {
    const lines = [title === undefined ? undefined : `"${title}"`, body];
    const shown = contents ?? lines.filter((line) => line !== undefined).join("\n");
    if (shown === "") return [];
    return [boundedHit({ id: id ?? `hit-${index}`, text: shown }, score ?? null)];
  });
}

/** Search through a retrieval server. */
export function createRetrieverSearch(server: SearchServer): Search {
  const read = (json: unknown) => retrieverHits(json, server.name);
  return {
    async query(given, count, signal): Promise<SearchAnswer> {
      const query = normalizeQuery(given);
      const backEnd = "http";
      if (query === "") return { hits: [], observed: { backEnd } };
      const body = { queries: [query], topk: count, return_scores: true };
      const { value, attempts, waitMs } = await server.ask(query, body, read, signal);
      return { hits: value.slice(0, count), observed: { backEnd, attempts, waitMs } };
    },
    async close() {
      server.close();
    },
  };
}
