// vLLM's words. The form of requests and answers is that of vLLM 0.32 and 0.33:
// entrypoints/scale_out/token_in_token_out/protocol.py (GenerateRequest, GenerateTokensChoice),
// entrypoints/openai/models/serving.py and entrypoints/serve/lora/protocol.py.
//
// `/v1/completions` takes token ids too, but no images; `/inference/v1/generate` takes both: ids
// with one image token per image, and the images beside them.
import { z } from "zod";
import { banBias, type Dialect } from "./dialect.ts";

const start =
  "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve MODEL --enable-lora --max-lora-rank RANK " +
  "--enable-scale-out --logprobs-mode processed_logprobs";

const versionSchema = z.object({ version: z.string() });

const answerSchema = z.object({
  prompt_token_ids: z.array(z.int()).nullish(),
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        token_ids: z.array(z.int()),
        logprobs: z.object({
          content: z.array(z.object({ token_id: z.int(), logprob: z.number() })),
        }),
      }),
    )
    .length(1),
});

const finishes: Readonly<Record<string, "stop" | "length">> = { stop: "stop", length: "length" };

export const vllm: Dialect = {
  server: "vllm",
  start,
  versionPath: "/version",
  generatePath: "/inference/v1/generate",
  loadPath: "/v1/load_lora_adapter",
  unloadPath: "/v1/unload_lora_adapter",
  generateBody(question) {
    const { model, ids, images, tokensMax, temperature, seed, stopIds, bannedIds, onlyIds } =
      question;
    return {
      model,
      token_ids: ids,
      ...(images.length === 0
        ? {}
        : { content_parts: images.map((url) => ({ type: "image_url", url })) }),
      return_token_ids: true,
      sampling_params: {
        temperature,
        max_tokens: tokensMax,
        seed,
        // 0: the sampled token's own log-prob, and no others.
        logprobs: 0,
        stop_token_ids: stopIds,
        // Else the end tokens of generation_config.json would stop a turn, too.
        ignore_eos: true,
        detokenize: false,
        ...(onlyIds === undefined
          ? { logit_bias: Object.fromEntries(bannedIds.map((id) => [id, banBias])) }
          : { allowed_token_ids: onlyIds }),
      },
    };
  },
  readAnswer(json) {
    const { choices, prompt_token_ids: prompt } = answerSchema.parse(json);
    const { token_ids: ids = [], finish_reason: reason, logprobs } = choices[0] ?? {};
    const logProbs = (logprobs?.content ?? []).map(({ token_id: id, logprob: logProb }) => ({
      id,
      logProb,
    }));
    return { ids, logProbs, finish: finishes[reason ?? ""] ?? "aborted", prompt: prompt ?? null };
  },
  readVersion: (json) => versionSchema.parse(json).version,
  mendGenerate(status, words) {
    if (status === 403 && words.includes("cale-out")) return "start it with --enable-scale-out";
    if (status === 401 || status === 403) return "name the API key by api_key_variable";
    if (status === 404 && !words.includes("model")) {
      return "this vLLM has no /inference/v1/generate: 0.32 has";
    }
    if (status === 404) return "rollout.engine.model is the name that /v1/models tells";
    if (words.includes("maximum model length")) return "start it with a larger --max-model-len";
    return `is it started as it must be? ${start}`;
  },
  mendAdapter(status) {
    if (status === 404) {
      return (
        "start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment, and name in " +
        "rollout.engine.adapters a folder that it can read under the same path"
      );
    }
    if (status === 401 || status === 403) return "name the API key by api_key_variable";
    return "start it with --enable-lora and a --max-lora-rank that is not below tune.rank";
  },
  isAdapterGone: (status, words) => status === 404 && words.includes("does not exist"),
};
