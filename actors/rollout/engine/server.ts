// A server that samples: what it is, what it serves, its adapters, one turn at a time. Usable
// without an adapter, too: `sample` takes any served name.
import { z } from "zod";
import type { SampledTurn } from "../ports.ts";
import { type AnswerRules, turnOf } from "./answer.ts";
import type { Dialect, EngineAnswer, EngineQuestion, ServedModel } from "./dialect.ts";
import {
  EngineAdapterError,
  EngineGarbledError,
  EngineProtocolError,
  EngineRefusedError,
  EngineSetupError,
} from "./errors.ts";
import { EngineHttp, type HttpOptions } from "./http.ts";
import { sglang } from "./sglang.ts";
import { vllm } from "./vllm.ts";

const dialects = { vllm, sglang } as const;

const modelsSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      root: z.string().nullish(),
      max_model_len: z.int().positive().nullish(),
    }),
  ),
});

export interface EngineServerOptions extends HttpOptions {
  readonly server: keyof typeof dialects;
  /** The served name of the base model. */
  readonly model: string;
}

/** What a server said of itself. */
export interface EngineFacts {
  /** For the numeric class: `openai:vllm 0.32.0`. */
  readonly name: string;
  /** Tokens of a context with its answer; null where it does not tell. */
  readonly tokensMax: number | null;
}

const mendQuestion = () => "is this the server that rollout.engine names?";
/** A server that cannot load an adapter says so with a 500, and will again. */
const finalForAdapters: ReadonlySet<number> = new Set([500]);

export class EngineServer {
  readonly dialect: Dialect;
  readonly #http: EngineHttp;
  readonly #model: string;

  constructor(options: EngineServerOptions) {
    this.dialect = dialects[options.server];
    this.#model = options.model;
    this.#http = new EngineHttp(options);
  }

  /**
   * Asks what the server is and serves.
   *
   * @throws EngineSetupError where it does not serve the base model, and as every request
   */
  async facts(): Promise<EngineFacts> {
    const { server, versionPath, readVersion } = this.dialect;
    const version = await this.#get(versionPath, readVersion);
    const served = await this.served();
    const base = served.find(({ id }) => id === this.#model);
    if (base === undefined) {
      const names = served.map(({ id }) => id).join(", ");
      throw new EngineSetupError(
        `${this.#http.nameOf({ method: "GET", path: modelsPath })}: no model "${this.#model}" is ` +
          `served, but ${names}; mend rollout.engine.model, or start it with --served-model-name`,
      );
    }
    return { name: `openai:${server} ${version}`, tokensMax: base.tokensMax };
  }

  /** The base model and the adapters that are loaded. */
  served(): Promise<readonly ServedModel[]> {
    return this.#get(modelsPath, (json) =>
      modelsSchema.parse(json).data.map(({ id, root, max_model_len: tokensMax }) => ({
        id,
        root: root ?? null,
        tokensMax: tokensMax ?? null,
      })),
    );
  }

  /**
   * Has the adapter in `path` (as the server sees it) loaded under `name`, and makes sure that it
   * is.
   *
   * @throws EngineAdapterError where it is not
   */
  async load(name: string, path: string): Promise<void> {
    if (await this.#holds(name, path)) return;
    const { loadPath, mendAdapter } = this.dialect;
    const body = { lora_name: name, lora_path: path };
    const request = { method: "POST", path: loadPath, body, name } as const;
    let refused: unknown = null;
    try {
      const asked = { ...request, mend: mendAdapter, final: finalForAdapters };
      await this.#http.ask(asked, (text) => text);
    } catch (thrown) {
      if (!(thrown instanceof EngineRefusedError)) throw thrown;
      // Another worker, or an attempt whose answer was lost, may have loaded it: the list decides.
      refused = thrown;
    }
    if (await this.#holds(name, path)) return;
    const why = refused instanceof Error ? refused.message : `${loadPath} said that it did`;
    throw new EngineAdapterError(`the adapter ${name} (${path}) is not served: ${why}`, {
      cause: refused,
    });
  }

  /** Has an adapter unloaded; one that is not there is unloaded already. */
  async unload(name: string): Promise<void> {
    const { unloadPath, mendAdapter } = this.dialect;
    const body = { lora_name: name };
    try {
      const asked = { method: "POST", path: unloadPath, body, name, mend: mendAdapter } as const;
      await this.#http.ask({ ...asked, final: finalForAdapters }, (text) => text);
    } catch (thrown) {
      if (!(thrown instanceof EngineRefusedError)) throw thrown;
    }
  }

  /** Samples one turn and checks it. @throws as `turnOf`, and as every request */
  async sample(question: EngineQuestion, rules: AnswerRules): Promise<SampledTurn> {
    return this.ask(question, (answer, request) => turnOf(request, answer, rules));
  }

  /** Sends one question and reads its answer. */
  ask<T>(question: EngineQuestion, read: (answer: EngineAnswer, request: string) => T): Promise<T> {
    const { generatePath: path, mendGenerate: mend, readAnswer } = this.dialect;
    const body = this.dialect.generateBody(question, this.#model);
    const request = { method: "POST", path, body, name: `${question.seed}`, mend } as const;
    const name = this.#http.nameOf(request);
    return this.#http.ask(request, (text) => read(parsed(text, name, readAnswer), name));
  }

  close(): void {
    this.#http.close();
  }

  async #holds(name: string, path: string): Promise<boolean> {
    const found = (await this.served()).find(({ id }) => id === name);
    if (found === undefined) return false;
    if (found.root === null || found.root === path) return true;
    throw new EngineAdapterError(
      `the server holds the adapter ${name} from ${found.root}, not from ${path}: unload it there, ` +
        "or name in rollout.engine.adapters_at_server what the server sees",
    );
  }

  #get<T>(path: string, read: (json: unknown) => T): Promise<T> {
    const request = { method: "GET", path, mend: mendQuestion } as const;
    const name = this.#http.nameOf(request);
    return this.#http.ask(request, (text) => parsed(text, name, read));
  }
}

const modelsPath = "/v1/models";

/** Reads JSON: what does not parse broke on the way, what has another form is another protocol. */
function parsed<T>(text: string, request: string, read: (json: unknown) => T): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (thrown) {
    throw new EngineGarbledError(request, {
      reason: `is no JSON (${text.length} characters)`,
      cause: thrown,
    });
  }
  try {
    return read(json);
  } catch (thrown) {
    if (!(thrown instanceof z.ZodError)) throw thrown;
    const what = z.prettifyError(thrown).replaceAll("\n", " ");
    throw new EngineProtocolError(`${request}: the answer has another form: ${what}`, {
      cause: thrown,
    });
  }
}
