// A sentence-embedding model for tests, in the files of a sentence-transformers download: the
// vector of a token is a row of a table.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import proto from "onnx-proto";

const { ModelProto, TensorProto } = proto.onnx;

const words: readonly string[] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "who", "made", "it", "red"];
const width = 4;

const table = Float32Array.from({ length: words.length * width }, (_, index) =>
  Math.sin(1 + 7.3 * index * index),
);
const rowOf = (word: string): readonly number[] => {
  const row = words.indexOf(word);
  return Array.from(table.subarray(row * width, (row + 1) * width));
};

export const tinyEmbedderVectors = {
  cls: rowOf("[CLS]"),
  sep: rowOf("[SEP]"),
  who: rowOf("who"),
  made: rowOf("made"),
};

export interface TinyEmbedderOptions {
  readonly pooling?: "mean" | "cls" | "max";
  readonly tokensMax?: number;
  /** The name of the model's one output. */
  readonly output?: string;
}

/** Writes the folder. */
export async function writeTinyEmbedder(
  directory: string,
  { pooling = "mean", tokensMax, output = "last_hidden_state" }: TinyEmbedderOptions = {},
): Promise<void> {
  const json = (name: string, value: unknown) =>
    writeFile(join(directory, name), JSON.stringify(value));
  await writeFile(join(directory, "model.onnx"), modelBytes(output));
  await json("tokenizer.json", tokenizer);
  await json("tokenizer_config.json", { tokenizer_class: "BertTokenizer", unk_token: "[UNK]" });
  await mkdir(join(directory, "1_Pooling"));
  await json("1_Pooling/config.json", {
    word_embedding_dimension: width,
    pooling_mode_cls_token: pooling === "cls",
    pooling_mode_mean_tokens: pooling === "mean",
    pooling_mode_max_tokens: pooling === "max",
  });
  if (tokensMax !== undefined) {
    await json("sentence_bert_config.json", { max_seq_length: tokensMax, do_lower_case: false });
  }
}

const special = (content: string) => {
  const id = words.indexOf(content);
  return { id, content, single_word: false, lstrip: false, rstrip: false, special: true };
};

const tokenizer = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map((content) => {
    return { ...special(content), normalized: false };
  }),
  normalizer: {
    type: "BertNormalizer",
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: {
    type: "TemplateProcessing",
    single: [
      { SpecialToken: { id: "[CLS]", type_id: 0 } },
      { Sequence: { id: "A", type_id: 0 } },
      { SpecialToken: { id: "[SEP]", type_id: 0 } },
    ],
    pair: [],
    special_tokens: {
      "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] },
      "[SEP]": { id: "[SEP]", ids: [3], tokens: ["[SEP]"] },
    },
  },
  decoder: { type: "WordPiece", prefix: "##", cleanup: true },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(words.map((word, id) => [word, id])),
  },
};

/** `output` = the rows of the table that `input_ids` name; the other usual inputs are taken too. */
function modelBytes(output: string): Uint8Array {
  const { FLOAT, INT64 } = TensorProto.DataType;
  const ids = { dim: [{ dimParam: "batch" }, { dimParam: "length" }] };
  const vectors = { dim: [...ids.dim, { dimValue: width }] };
  const value = (name: string, elemType: number, shape: object) => ({
    name,
    type: { tensorType: { elemType, shape } },
  });
  const graph = {
    name: "embedder",
    node: [{ opType: "Gather", input: ["table", "input_ids"], output: [output] }],
    initializer: [
      {
        name: "table",
        dataType: FLOAT,
        dims: [words.length, width],
        rawData: new Uint8Array(table.buffer),
      },
    ],
    input: ["input_ids", "attention_mask", "token_type_ids"].map((name) => value(name, INT64, ids)),
    output: [value(output, FLOAT, vectors)],
  };
  const model = ModelProto.fromObject({ irVersion: 8, opsetImport: [{ version: 13 }], graph });
  return ModelProto.encode(model).finish();
}
