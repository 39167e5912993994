// What an index on the disk is made of. All numbers are little-endian, as on every host that
// onnxruntime runs on.
//
//   index.json      what it was made of; written last, so that a torn index is none
//   postings.bin    one list per term, back to back, in the order of the terms (`postings.ts`)
//   terms.txt       the terms, back to back, ordered by UTF-16 code units
//   terms.bin       float64[terms + 1] where each term begins in terms.txt,
//                   float64[terms + 1] where each list begins in postings.bin,
//                   float64[terms] the highest gain of each term, uint32[terms] its documents
//   documents.bin   float64[documents] where each line begins in the corpus,
//                   uint32[documents] its bytes, its tokens, and its rank by id
import { z } from "zod";

/** Changes with the layout, the tokens and the formula. */
export const indexVersion = 1;

export const indexFiles = {
  meta: "index.json",
  postings: "postings.bin",
  termText: "terms.txt",
  terms: "terms.bin",
  documents: "documents.bin",
} as const;

const count = z.int().nonnegative();

export const indexMeta = z.strictObject({
  format: z.literal("varft-bm25"),
  version: z.literal(indexVersion),
  /** SHA-256 of the corpus. */
  corpus: z.string().regex(/^[0-9a-f]{64}$/),
  corpusBytes: count,
  documents: count,
  terms: count,
  postings: count,
  /** Tokens of all documents. */
  tokens: count,
  /** Bytes of the other files, by name. */
  bytes: z.record(z.string(), count),
});

export type IndexMeta = z.infer<typeof indexMeta>;

/** Documents of one index: their numbers are written doubled, in 32 bits. */
export const documentsMax = 2 ** 30;
