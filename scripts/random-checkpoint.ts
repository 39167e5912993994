// Writes a checkpoint folder with the sizes, files and types of a published Qwen2.5-VL and noise
// for weights: whoever has no such checkpoint can still see what one costs here.
//
//   node --import tsx scripts/random-checkpoint.ts SIZE DIRECTORY     SIZE: 3b, 7b
//
// Only the numbers are noise. Names, shapes, shards, element type, vocabulary size and special
// tokens are those of Qwen/Qwen2.5-VL-3B-Instruct and Qwen/Qwen2.5-VL-7B-Instruct.
import { argv, exit, stderr } from "node:process";
import { fileURLToPath } from "node:url";
import { RandomStream } from "../events/index.ts";
import {
  buildTokenizer,
  modelParameters,
  parseModelConfig,
  qwenChatTemplate,
  type Tensor,
  writeCheckpoint,
} from "../model/index.ts";

const sizes = {
  "3b": {
    hidden_size: 2_048,
    intermediate_size: 11_008,
    num_attention_heads: 16,
    num_hidden_layers: 36,
    num_key_value_heads: 2,
    tie_word_embeddings: true,
    vocab_size: 151_936,
  },
  "7b": {
    hidden_size: 3_584,
    intermediate_size: 18_944,
    num_attention_heads: 28,
    num_hidden_layers: 28,
    num_key_value_heads: 4,
    tie_word_embeddings: false,
    vocab_size: 152_064,
  },
} as const;

/** Merged tokens and bytes come before this id, tokens with a role from it on. */
const firstAddedId = 151_643;
const specialTokens = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|object_ref_start|>",
  "<|object_ref_end|>",
  "<|box_start|>",
  "<|box_end|>",
  "<|quad_start|>",
  "<|quad_end|>",
  "<|vision_start|>",
  "<|vision_end|>",
  "<|vision_pad|>",
  "<|image_pad|>",
  "<|video_pad|>",
];
const addedTokens = [
  "<tool_call>",
  "</tool_call>",
  "<|fim_prefix|>",
  "<|fim_middle|>",
  "<|fim_suffix|>",
  "<|fim_pad|>",
  "<|repo_name|>",
  "<|file_sep|>",
];
const idOf = (token: string) => firstAddedId + specialTokens.indexOf(token);

/** The `config.json` of a published size. */
export function configJson(size: keyof typeof sizes) {
  const sizesOfText = sizes[size];
  return {
    architectures: ["Qwen2_5_VLForConditionalGeneration"],
    attention_dropout: 0,
    bos_token_id: idOf("<|endoftext|>"),
    eos_token_id: idOf("<|im_end|>"),
    vision_start_token_id: idOf("<|vision_start|>"),
    vision_end_token_id: idOf("<|vision_end|>"),
    vision_token_id: idOf("<|vision_pad|>"),
    image_token_id: idOf("<|image_pad|>"),
    video_token_id: idOf("<|video_pad|>"),
    hidden_act: "silu",
    initializer_range: 0.02,
    max_position_embeddings: 128_000,
    model_type: "qwen2_5_vl",
    rms_norm_eps: 1e-6,
    rope_theta: 1_000_000,
    use_sliding_window: false,
    torch_dtype: "bfloat16",
    rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] },
    ...sizesOfText,
    vision_config: {
      depth: 32,
      hidden_act: "silu",
      hidden_size: 1_280,
      intermediate_size: 3_420,
      num_heads: 16,
      in_chans: 3,
      out_hidden_size: sizesOfText.hidden_size,
      patch_size: 14,
      spatial_merge_size: 2,
      window_size: 112,
      fullatt_block_indexes: [7, 15, 23, 31],
      tokens_per_second: 2,
      temporal_patch_size: 2,
    },
  };
}

/** As many tokens as the real one has: all bytes, all pairs of bytes, then triples. */
export function tokenizerJson() {
  const built = buildTokenizer({ corpus: [], specialTokens, addedTokens, merges: 0 });
  const bytes = Object.keys(built.model.vocab).slice(0, 256);
  const tokens = [...bytes];
  const merges: string[] = [];
  const merge = (left: string, right: string) => {
    if (tokens.length === firstAddedId) return;
    tokens.push(left + right);
    merges.push(`${left} ${right}`);
  };
  for (const left of bytes) for (const right of bytes) merge(left, right);
  for (const pair of tokens.slice(bytes.length)) for (const right of bytes) merge(pair, right);
  return {
    ...built,
    added_tokens: built.added_tokens.map((one, index) => ({ ...one, id: firstAddedId + index })),
    model: {
      ...built.model,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/** A prime, so that the same noise never falls on the same columns of two rows. */
const noiseLength = 1_048_573;
const noiseDeviation = 0.02;

/** The tensors of a model, each made when it is its turn to be written. */
function noiseTensors(config: ReturnType<typeof configJson>, told: (name: string) => void) {
  const random = new RandomStream("random checkpoint");
  const noise = Float32Array.from({ length: noiseLength }, () => noiseDeviation * random.normal());
  const parameters = modelParameters(parseModelConfig(config));
  return new Map<string, Tensor>(
    parameters.map(({ name, shape, kind }) => {
      const tensor = {
        shape,
        get data() {
          told(name);
          const length = shape.reduce((product, size) => product * size, 1);
          const values = new Float32Array(length);
          if (kind === "norm") return values.fill(1);
          for (let at = 0; at < length; at += noiseLength)
            values.set(noise.subarray(0, Math.min(noiseLength, length - at)), at);
          return values;
        },
      };
      return [name, tensor];
    }),
  );
}

/** The published checkpoints are cut into files of about four gigabytes. */
const shardBytesMax = 4e9;

async function write(size: keyof typeof sizes, directory: string): Promise<void> {
  const config = configJson(size);
  const startedMs = performance.now();
  let written = 0;
  const tensors = noiseTensors(config, () => {
    written++;
    const seconds = (performance.now() - startedMs) / 1_000;
    const left = Math.ceil((seconds / written) * (tensors.size - written));
    stderr.write(`\r\u001b[Ktensor ${written} of ${tensors.size}, about ${left} s left`);
  });
  await writeCheckpoint(directory, {
    config,
    tensors,
    tokenizerJson: tokenizerJson(),
    tokenizerConfig: {
      bos_token: null,
      eos_token: "<|im_end|>",
      pad_token: "<|endoftext|>",
      model_max_length: 131_072,
      tokenizer_class: "Qwen2Tokenizer",
    },
    preprocessor: {
      min_pixels: 3_136,
      max_pixels: 12_845_056,
      patch_size: 14,
      temporal_patch_size: 2,
      merge_size: 2,
      image_mean: [0.48145466, 0.4578275, 0.40821073],
      image_std: [0.26862954, 0.26130258, 0.27577711],
      image_processor_type: "Qwen2VLImageProcessor",
      processor_class: "Qwen2_5_VLProcessor",
    },
    generationConfig: {
      bos_token_id: idOf("<|endoftext|>"),
      pad_token_id: idOf("<|endoftext|>"),
      eos_token_id: [idOf("<|im_end|>"), idOf("<|endoftext|>")],
    },
    chatTemplate: qwenChatTemplate,
    dtype: "BF16",
    shardBytesMax,
  });
  stderr.write(
    `\r\u001b[Kwrote ${directory}: noise in the sizes of Qwen2.5-VL-${size.toUpperCase()}\n`,
  );
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [size, directory] = argv.slice(2);
  if (size === undefined || !Object.hasOwn(sizes, size) || directory === undefined) {
    stderr.write("usage: node --import tsx scripts/random-checkpoint.ts 3b|7b DIRECTORY\n");
    exit(2);
  }
  await write(size as keyof typeof sizes, directory);
}
