// SGLang's words. The form of requests and answers is that of SGLang 0.5.23:
// srt/managers/io_struct.py (GenerateReqInput, LoadLoRAAdapterReqInput),
// srt/sampling/sampling_params.py, srt/entrypoints/http_server.py, and for the answer
// srt/managers/tokenizer_manager.py (`meta_info`, `output_ids`, `prompt_token_ids`).
//
// Ids go in with one image token per image, as for vLLM (multimodal/processors/base_processor.py,
// `build_input_ids`). Log-probs are those of the distribution that is sampled from, bias and
// temperature included, unless SGLANG_RETURN_ORIGINAL_LOGPROB is set (layers/sampler.py).
import { z } from "zod";
import { banBias, type Dialect } from "./dialect.ts";

const start =
  "python -m sglang.launch_server --model-path MODEL --enable-lora --max-lora-rank RANK " +
  "--lora-target-modules all --enable-deterministic-inference";

/** Lifts a token over all others; small enough that float32 keeps what differs between two. */
const onlyBias = 1_000;

const versionSchema = z.object({ version: z.string() });

const answerSchema = z.object({
  output_ids: z.array(z.int()),
  prompt_token_ids: z.array(z.int()).nullish(),
  meta_info: z.object({
    finish_reason: z.object({ type: z.string() }).nullable(),
    /** Log-prob, token id and, if asked for, the token's text. */
    output_token_logprobs: z.array(z.tuple([z.number(), z.int()], z.unknown())),
  }),
});

const finishes: Readonly<Record<string, "stop" | "length">> = { stop: "stop", length: "length" };

export const sglang: Dialect = {
  server: "sglang",
  start,
  versionPath: "/server_info",
  generatePath: "/generate",
  loadPath: "/load_lora_adapter",
  unloadPath: "/unload_lora_adapter",
  generateBody(question, base) {
    const { model, ids, images, tokensMax, temperature, seed, stopIds, bannedIds, onlyIds } =
      question;
    const biased = onlyIds ?? bannedIds;
    const bias = onlyIds === undefined ? banBias : onlyBias;
    return {
      input_ids: ids,
      ...(images.length === 0 ? {} : { image_data: images }),
      ...(model === base ? {} : { lora_path: model }),
      return_logprob: true,
      return_prompt_token_ids: true,
      sampling_params: {
        temperature,
        max_new_tokens: tokensMax,
        sampling_seed: seed,
        stop_token_ids: stopIds,
        skip_special_tokens: false,
        no_stop_trim: true,
        logit_bias: Object.fromEntries(biased.map((id) => [id, bias])),
      },
    };
  },
  readAnswer(json) {
    const { output_ids: ids, prompt_token_ids: prompt, meta_info: info } = answerSchema.parse(json);
    const logProbs = info.output_token_logprobs.map(([logProb, id]) => ({ id, logProb }));
    const finish = finishes[info.finish_reason?.type ?? ""] ?? "aborted";
    return { ids, logProbs, finish, prompt: prompt ?? null };
  },
  readVersion: (json) => versionSchema.parse(json).version,
  mendGenerate(status, words) {
    if (status === 401 || status === 403) return "name the API key by api_key_variable";
    if (words.includes("longer than")) return "start it with a larger --context-length";
    return `is it started as it must be? ${start}`;
  },
  mendAdapter(status) {
    if (status === 401 || status === 403) return "name the API key by api_key_variable";
    return (
      "start it with --enable-lora --lora-target-modules all and a --max-lora-rank that is not " +
      "below tune.rank, and name in rollout.engine.adapters a folder that it can read"
    );
  },
  isAdapterGone: (status, words) => status === 400 && words.includes("adapters are not loaded"),
};
