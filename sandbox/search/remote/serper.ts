// Google through Serper (google.serper.dev): POST {"q", "num", "gl", "hl"} with an X-API-KEY, and
// an object of lists back. Any field may be missing; a query may have nothing but an answer box.
import { z } from "zod";
import { SearchProtocolError, SearchRefusedError } from "../errors.ts";
import { normalizeQuery } from "../tokens.ts";
import type { Search, SearchAnswer, SearchHit } from "../types.ts";
import { boundedHit } from "./hit.ts";
import type { SearchServer } from "./server.ts";

/**
 * What becomes a hit.
 * - `full`: the answer box, the description of what is asked about, then the pages with their
 *   titles.
 * - `reference`: as Visual-ARFT reads it, the snippets of the pages alone.
 */
export type SerperResults = "full" | "reference";

export interface SerperOptions {
  readonly results: SerperResults;
  /** Two letters, such as `us`; Serper's own default where undefined. */
  readonly country?: string | undefined;
  readonly language?: string | undefined;
}

const text = z.string().trim().min(1).optional().catch(undefined);
const page = z.object({ title: text, link: text, snippet: text });
const box = z.object({ title: text, link: text, snippet: text, answer: text });
const graph = z.object({ title: text, type: text, description: text, descriptionLink: text });

/** One of these stands in every answer that is one. */
const answerKeys = ["searchParameters", "organic", "answerBox", "knowledgeGraph"];

const answerSchema = z
  .looseObject({
    organic: z.array(page.optional().catch(undefined)).optional().catch(undefined),
    answerBox: box.optional().catch(undefined),
    knowledgeGraph: graph.optional().catch(undefined),
  })
  .refine((answer) => answerKeys.some((key) => key in answer));

/** The hits in an answer of Serper's, best first. @throws SearchProtocolError */
export function serperHits(
  json: unknown,
  results: SerperResults,
  request: string,
): readonly SearchHit[] {
  const parsed = answerSchema.safeParse(json);
  if (!parsed.success) {
    throw new SearchProtocolError(request, { reason: `has none of ${answerKeys.join(", ")}` });
  }
  const { organic = [], answerBox, knowledgeGraph } = parsed.data;
  const pages = organic.flatMap((one) => (one === undefined ? [] : [one]));
  if (results === "reference") {
    return pages.flatMap(({ link, snippet }) =>
      snippet === undefined ? [] : [boundedHit({ id: link ?? "", text: snippet })],
    );
  }
  const { title, link, answer, snippet } = answerBox ?? {};
  const { title: subject, type, description, descriptionLink } = knowledgeGraph ?? {};
  const heading = subject === undefined || type === undefined ? subject : `${subject} (${type})`;
  return [
    ...titled("answer-box", link, title, joined(answer, snippet)),
    ...(description === undefined
      ? []
      : titled("knowledge-graph", descriptionLink, heading, description)),
    ...pages.flatMap((one) => titled("page", one.link, one.title, one.snippet)),
  ];
}

function joined(answer: string | undefined, snippet: string | undefined): string | undefined {
  const parts = [answer, snippet].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(" ");
}

/** A hit in the form of the common corpora: `"title"`, then the text on the next line. */
function titled(
  kind: string,
  link: string | undefined,
  title: string | undefined,
  body: string | undefined,
): readonly SearchHit[] {
  const lines = [title === undefined ? undefined : `"${title}"`, body];
  const shown = lines.filter((line) => line !== undefined).join("\n");
  return shown === "" ? [] : [boundedHit({ id: link ?? kind, text: shown })];
}

/**
 * Search through Serper. A query that Serper refuses for its form (free accounts may not use
 * operators) has no hits, and the refusal is observed: it is what the model asked, and would be
 * refused again.
 */
export function createSerperSearch(server: SearchServer, options: SerperOptions): Search {
  const { results, country: gl, language: hl } = options;
  const read = (json: unknown) => serperHits(json, results, server.name);
  return {
    async query(given, count, signal): Promise<SearchAnswer> {
      const q = normalizeQuery(given);
      const backEnd = "serper";
      if (q === "") return { hits: [], observed: { backEnd } };
      try {
        const body = { q, num: count, gl, hl };
        const { value, attempts, waitMs } = await server.ask(q, body, read, signal);
        return { hits: value.slice(0, count), observed: { backEnd, attempts, waitMs } };
      } catch (thrown) {
        if (!(thrown instanceof SearchRefusedError) || !isAboutQuery(thrown)) throw thrown;
        return { hits: [], observed: { backEnd, refused: thrown.words } };
      }
    },
    async close() {
      server.close();
    },
  };
}

/** Seen as "Query pattern not allowed for free accounts." with status 400. */
function isAboutQuery({ status, words }: SearchRefusedError): boolean {
  return status === 400 && /\bquery\b.*\bnot allowed\b/i.test(words);
}
