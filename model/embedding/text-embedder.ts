// Texts as vectors whose cosine says how alike they are: a BERT-like sentence-transformers model
// through onnxruntime (Reimers and Gurevych, Sentence-BERT, 2019).
//
// 1. One thread and one text at a time: equal texts give equal vectors, whatever else is asked.
import { Tokenizer } from "@huggingface/tokenizers";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { ensureError } from "../../events/index.ts";
// Sets what onnxruntime may not do before any session is made.
import "../engine/session.ts";
import { EmbedderError } from "./errors.ts";
import { type EmbedderFolder, type Pooling, readEmbedderFolder } from "./folder.ts";

export interface TextEmbedder {
  /** SHA-256 over the model's files, hexadecimal. */
  readonly hash: string;
  /** The vector of a text, of length 1. A text that is too long is cut at its end. */
  embed(text: string): Promise<Float32Array>;
  close(): Promise<void>;
}

const pooledOutput = "sentence_embedding";
const tokenOutputs = ["last_hidden_state", "token_embeddings"] as const;
const tokenDimensions = 3;

/** Opens the model in `directory`. @throws {EmbedderError} */
export async function openTextEmbedder(directory: string): Promise<TextEmbedder> {
  const folder = await readEmbedderFolder(directory);
  const encode = encoder(folder, directory);
  const session = await openSession(folder.onnx);
  const output = outputOf(session, folder.onnx);
  return {
    hash: folder.hash,
    async embed(text) {
      const ids = encode(text);
      const feeds = feedsOf(session, ids);
      const result = (await session.run(feeds, [output]))[output];
      if (!(result?.data instanceof Float32Array)) {
        throw new EmbedderError(`${folder.onnx}: its output ${output} is not float32`);
      }
      const isOfTokens = result.dims.length === tokenDimensions;
      const width = result.dims.at(-1) ?? 0;
      return unit(isOfTokens ? pooled(result.data, width, folder.pooling) : result.data);
    },
    close: () => session.release(),
  };
}

async function openSession(onnx: string): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(onnx, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  } catch (cause) {
    const reason = ensureError(cause).message;
    throw new EmbedderError(`${onnx} cannot be opened: ${reason}`, { cause });
  }
}

function outputOf({ outputNames }: InferenceSession, onnx: string): string {
  const known = [pooledOutput, ...tokenOutputs].find((name) => outputNames.includes(name));
  const found = known ?? (outputNames.length === 1 ? outputNames[0] : undefined);
  if (found !== undefined) return found;
  const wanted = [pooledOutput, ...tokenOutputs].join(", ");
  throw new EmbedderError(`${onnx} has outputs ${outputNames.join(", ")}, but none of ${wanted}`);
}

/** Text to ids, with what the model wants around it. */
function encoder(
  { tokenizer, tokenizerConfig, tokensMax }: EmbedderFolder,
  directory: string,
): (text: string) => readonly number[] {
  let made: Tokenizer;
  try {
    made = new Tokenizer(tokenizer, tokenizerConfig);
  } catch (cause) {
    const reason = ensureError(cause).message;
    throw new EmbedderError(`${directory}: its tokenizer cannot be used: ${reason}`, { cause });
  }
  return (text) => {
    const { ids } = made.encode(text);
    // What ends a text, such as [SEP], ends a text that was cut too.
    return ids.length <= tokensMax ? ids : [...ids.slice(0, tokensMax - 1), ...ids.slice(-1)];
  };
}

function feedsOf({ inputNames }: InferenceSession, ids: readonly number[]): Record<string, Tensor> {
  const shape = [1, ids.length];
  const of = (value: (id: number) => number) =>
    new Tensor(
      "int64",
      BigInt64Array.from(ids, (id) => BigInt(value(id))),
      shape,
    );
  const all: Readonly<Record<string, Tensor>> = {
    input_ids: of((id) => id),
    attention_mask: of(() => 1),
    token_type_ids: of(() => 0),
  };
  return Object.fromEntries(
    inputNames.map((name) => {
      const tensor = all[name];
      if (tensor === undefined) throw new EmbedderError(`the model wants an input "${name}"`);
      return [name, tensor];
    }),
  );
}

/** The mean of the tokens' vectors, or the first of them. */
function pooled(vectors: Float32Array, width: number, pooling: Pooling): Float32Array {
  if (pooling === "cls") return vectors.slice(0, width);
  const mean = new Float32Array(width);
  const count = vectors.length / width;
  for (const [index, value] of vectors.entries()) {
    mean[index % width] = (mean[index % width] as number) + value / count;
  }
  return mean;
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
