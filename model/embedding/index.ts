// Sentence embeddings.
export { EmbedderError } from "./errors.ts";
export type { TextEmbedder } from "./text-embedder.ts";
export { openTextEmbedder } from "./text-embedder.ts";
