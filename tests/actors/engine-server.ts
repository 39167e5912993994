// A server for tests that speaks as vLLM 0.32/0.33 and SGLang 0.5.23 do, over a real policy. Every
// form and every refusal is that of their sources, named where it is made; vLLM's were also seen
// from a running 0.32. Faults of the world are put in by `fault`.

import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { AdapterPolicy } from "../../model/index.ts";
import type { EngineModel, PolicyAnswer, PolicyQuestion } from "./engine-policy.ts";

type Json = Readonly<Record<string, unknown>>;

/** What happens to a request instead of, or after, its being answered. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly body: string }
  | { readonly kind: "silence" }
  | { readonly kind: "cut" }
  | { readonly kind: "text"; readonly text: string }
  /** Another answer than the right one. */
  | { readonly kind: "edit"; readonly edit: (json: Json) => Json };

export interface EngineServerSettings {
  readonly server: "vllm" | "sglang";
  readonly model: EngineModel;
  readonly apiKey?: string;
  readonly contextTokensMax?: number;
  /** vLLM: VLLM_ALLOW_RUNTIME_LORA_UPDATING. */
  readonly adapters?: boolean;
  /** vLLM: --enable-scale-out. */
  readonly scaleOut?: boolean;
  /** vLLM: --max-lora-rank. */
  readonly rankMax?: number;
  /** False: log-probs of another distribution than the one that was sampled from. */
  readonly samplersLogProbs?: boolean;
}

interface Reply {
  readonly status: number;
  readonly body: Json | string;
}

interface Loaded {
  readonly path: string;
  readonly adapter: AdapterPolicy;
}

/** The served name of the base model. */
export const servedName = "tiny";

export class TestEngineServer {
  /** Asked for each request; the first fault that is given happens. */
  fault: (path: string, body: Json) => Fault | null = () => null;
  /** Every request's path and body, in order. */
  readonly requests: { readonly path: string; readonly body: Json }[] = [];
  readonly #settings: EngineServerSettings;
  readonly #loaded = new Map<string, Loaded>();
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #silent: ServerResponse[] = [];

  constructor(settings: EngineServerSettings) {
    this.#settings = settings;
  }

  /** Listens and resolves to the URL. */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const response of this.#silent) response.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** The names of the adapters that are loaded. */
  get adapters(): readonly string[] {
    return [...this.#loaded.keys()];
  }

  /** What a restart of the server does to them. */
  forget(): void {
    this.#loaded.clear();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const text = Buffer.concat(parts).toString();
    const body = (text === "" ? {} : JSON.parse(text)) as Json;
    const path = request.url ?? "";
    this.requests.push({ path, body });
    const fault = this.fault(path, body);
    if (fault?.kind === "silence") {
      this.#silent.push(response);
      return;
    }
    const reply = await this.#reply(path, body, request, fault);
    const isText = typeof reply.body === "string";
    const sent = isText ? (reply.body as string) : JSON.stringify(reply.body);
    response.writeHead(reply.status, {
      "content-type": isText ? "text/plain" : "application/json",
      "content-length": Buffer.byteLength(sent),
    });
    if (fault?.kind !== "cut") {
      response.end(sent);
      return;
    }
    response.write(sent.slice(0, sent.length / 2), () => response.destroy());
  }

  async #reply(
    path: string,
    body: Json,
    request: IncomingMessage,
    fault: Fault | null,
  ): Promise<Reply> {
    if (fault?.kind === "status") return { status: fault.status, body: fault.body };
    if (fault?.kind === "text") return { status: 200, body: fault.text };
    const { apiKey, server } = this.#settings;
    const open = path === "/version";
    if (apiKey !== undefined && !open && request.headers.authorization !== `Bearer ${apiKey}`) {
      // vllm/entrypoints/serve/middleware/authenticate.py
      return { status: 401, body: { error: "Unauthorized" } };
    }
    const reply = await (server === "vllm" ? this.#vllm(path, body) : this.#sglang(path, body));
    if (fault?.kind === "edit") return { ...reply, body: fault.edit(reply.body as Json) };
    return reply;
  }

  async #vllm(path: string, body: Json): Promise<Reply> {
    const { adapters = true, scaleOut = true } = this.#settings;
    if (path === "/version") return { status: 200, body: { version: "0.32.0" } };
    if (path === "/v1/models") return { status: 200, body: this.#models("vllm") };
    if (path === "/v1/load_lora_adapter" && adapters) return this.#vllmLoad(body);
    if (path === "/v1/unload_lora_adapter" && adapters) {
      const name = String(body["lora_name"]);
      if (!this.#loaded.delete(name)) {
        return vllmError(404, "NotFoundError", `The lora adapter '${name}' cannot be found.`);
      }
      return { status: 200, body: `Success: LoRA adapter '${name}' removed successfully.` };
    }
    if (path === "/inference/v1/generate") {
      // vllm/entrypoints/scale_out/factories.py
      const disabled =
        "Scale-out endpoints are disabled. Restart vllm serve with --enable-scale-out to enable them.";
      if (!scaleOut) return vllmError(403, "PermissionDeniedError", disabled);
      return this.#vllmGenerate(body);
    }
    // FastAPI's answer to a route that is not there.
    return { status: 404, body: { detail: "Not Found" } };
  }

  /** vllm/entrypoints/openai/models/serving.py, load_lora_adapter. */
  async #vllmLoad(body: Json): Promise<Reply> {
    const [name, path] = [String(body["lora_name"]), String(body["lora_path"])];
    if (this.#loaded.has(name)) {
      const message = `The lora adapter '${name}' has already been loaded. If you want to load the adapter in place, set 'load_inplace' to True.`;
      return vllmError(400, "InvalidUserInput", message);
    }
    if (!existsSync(join(path, "adapter_config.json"))) {
      const message = `Loading lora ${name} failed: No adapter found for ${path}`;
      return vllmError(404, "NotFoundError", message);
    }
    const adapter = await this.#settings.model.read(path);
    const { rankMax = 16 } = this.#settings;
    const rank = adapter.tuning.type === "lora" ? adapter.tuning.rank : 0;
    if (rank > rankMax) {
      // vllm/lora/peft_helper.py, validate_legal
      const message = `LoRA rank ${rank} is greater than max_lora_rank ${rankMax}.`;
      return vllmError(500, "InternalServerError", message);
    }
    this.#loaded.set(name, { path, adapter });
    return { status: 200, body: `Success: LoRA adapter '${name}' added successfully.` };
  }

  /** vllm/entrypoints/scale_out/token_in_token_out/serving.py and protocol.py. */
  async #vllmGenerate(body: Json): Promise<Reply> {
    const name = String(body["model"]);
    const held = this.#loaded.get(name);
    if (held === undefined && name !== servedName) {
      return vllmError(404, "NotFoundError", `The model \`${name}\` does not exist.`);
    }
    const sampling = body["sampling_params"] as Json;
    const ids = body["token_ids"] as readonly number[];
    const parts = (body["content_parts"] ?? []) as readonly { readonly url: string }[];
    const allowed = sampling["allowed_token_ids"] as readonly number[] | undefined;
    const { contextTokensMax = 1_024, model } = this.#settings;
    if (ids.some((id) => id >= model.vocabularySize)) {
      const id = Math.max(...ids);
      return vllmError(400, "BadRequestError", `Token id ${id} is out of vocabulary`);
    }
    const { turn, prompt } = await this.#sample({
      adapter: held?.adapter ?? null,
      ids,
      images: parts.map(({ url }) => url),
      tokensMax: Number(sampling["max_tokens"]),
      temperature: Number(sampling["temperature"]),
      seed: Number(sampling["seed"]),
      stopIds: sampling["stop_token_ids"] as readonly number[],
      isAllowed: allowance(sampling["logit_bias"] as Json | undefined, allowed),
    });
    if (prompt.length > contextTokensMax) {
      const message = `The decoder prompt (length ${prompt.length}) is longer than the maximum model length of ${contextTokensMax}.`;
      return vllmError(400, "BadRequestError", message);
    }
    const content = [...turn.ids].map((id, index) => {
      const logprob = turn.logProbs[index];
      return { token_id: id, logprob, rank: 1, top_logprobs: [{ token_id: id, logprob, rank: 1 }] };
    });
    const choice = {
      index: 0,
      finish_reason: turn.end,
      stop_reason: turn.end === "stop" ? turn.ids.at(-1) : null,
      token_ids: [...turn.ids],
      routed_experts: null,
      logprobs: { content },
    };
    const prompts = body["return_token_ids"] === true ? prompt : null;
    const common = { request_id: "generate-tokens-0", created: 0, model: name };
    return { status: 200, body: { ...common, prompt_token_ids: prompts, choices: [choice] } };
  }

  async #sglang(path: string, body: Json): Promise<Reply> {
    if (path === "/server_info") return { status: 200, body: { version: "0.5.23" } };
    if (path === "/v1/models") return { status: 200, body: this.#models("sglang") };
    if (path === "/load_lora_adapter") return this.#sglangLoad(body);
    if (path === "/unload_lora_adapter") {
      const success = this.#loaded.delete(String(body["lora_name"]));
      return { status: success ? 200 : 400, body: { success } };
    }
    if (path === "/generate") return this.#sglangGenerate(body);
    return { status: 404, body: { detail: "Not Found" } };
  }

  /** sglang/srt/entrypoints/http_server.py and managers/io_struct.py, LoRAUpdateOutput. */
  async #sglangLoad(body: Json): Promise<Reply> {
    const [name, path] = [String(body["lora_name"]), String(body["lora_path"])];
    const failed = (message: string): Reply => ({
      status: 400,
      body: { success: false, error_message: message, loaded_adapters: null },
    });
    if (this.#loaded.has(name)) return failed(`LoRA with name ${name} already exists.`);
    if (!existsSync(join(path, "adapter_config.json"))) return failed(`no adapter in ${path}`);
    this.#loaded.set(name, { path, adapter: await this.#settings.model.read(path) });
    const loaded = Object.fromEntries([...this.#loaded].map(([key, one]) => [key, one.path]));
    return { status: 200, body: { success: true, error_message: "", loaded_adapters: loaded } };
  }

  /** sglang/srt/managers/tokenizer_manager.py: meta_info and convert_logprob_style. */
  async #sglangGenerate(body: Json): Promise<Reply> {
    const name = body["lora_path"] as string | undefined;
    const held = name === undefined ? null : this.#loaded.get(name);
    if (held === undefined) {
      const message = `The following requested LoRA adapters are not loaded: ${name}`;
      return { status: 400, body: { error: { message } } };
    }
    const sampling = body["sampling_params"] as Json;
    const { turn, prompt } = await this.#sample({
      adapter: held?.adapter ?? null,
      ids: body["input_ids"] as readonly number[],
      images: (body["image_data"] ?? []) as readonly string[],
      tokensMax: Number(sampling["max_new_tokens"]),
      temperature: Number(sampling["temperature"]),
      seed: Number(sampling["sampling_seed"]),
      stopIds: sampling["stop_token_ids"] as readonly number[],
      isAllowed: allowance(sampling["logit_bias"] as Json),
    });
    const finish =
      turn.end === "stop"
        ? { type: "stop", matched: turn.ids.at(-1) }
        : { type: "length", length: turn.ids.length };
    const logProbs = [...turn.ids].map((id, index) => [turn.logProbs[index], id, null]);
    const info = { id: "0", finish_reason: finish, prompt_tokens: prompt.length };
    const meta = { ...info, output_token_logprobs: logProbs };
    const ids = { output_ids: [...turn.ids], prompt_token_ids: prompt };
    return { status: 200, body: { text: "", ...ids, meta_info: meta } };
  }

  async #sample(question: PolicyQuestion): Promise<PolicyAnswer> {
    const { model, samplersLogProbs = true } = this.#settings;
    const answer = await model.sample(question);
    if (samplersLogProbs) return answer;
    return { ...answer, turn: { ...answer.turn, logProbs: answer.turn.logProbs.map(() => -2) } };
  }

  /** vllm/entrypoints/serve/engine/protocol.py, ModelCard; SGLang writes the same. */
  #models(owner: string): Json {
    const { contextTokensMax = 1_024 } = this.#settings;
    const card = { object: "model", created: 0, owned_by: owner };
    const base = { ...card, id: servedName, root: servedName, parent: null };
    const adapters = [...this.#loaded].map(([id, { path }]) => {
      return { ...card, id, root: path, parent: servedName, max_model_len: null };
    });
    return { object: "list", data: [{ ...base, max_model_len: contextTokensMax }, ...adapters] };
  }
}

/** vllm/entrypoints/serve/engine/protocol.py, ErrorResponse. */
function vllmError(status: number, type: string, message: string): Reply {
  return { status, body: { error: { message, type, param: null, code: status } } };
}

/** A bias that leaves nothing, one that leaves nothing else, or a list of what may come. */
function allowance(bias: Json | undefined, only?: readonly number[]): (id: number) => boolean {
  if (only !== undefined) return (id) => only.includes(id);
  const lifted = Object.entries(bias ?? {}).filter(([, value]) => Number(value) > 0);
  if (lifted.length > 0) return (id) => lifted.some(([key]) => Number(key) === id);
  return (id) => bias?.[`${id}`] === undefined;
}
