// Opens the server that a configuration names.
import type { RunConfig } from "../../../config/index.ts";
import { chatServer, greetChatServer } from "../chat/index.ts";
import { EngineSetupError } from "./errors.ts";
import { type EngineFacts, EngineServer } from "./server.ts";

/** The configuration of an engine at a server. */
export type ServerEngine = Extract<RunConfig["rollout"]["engine"], { readonly type: "openai" }>;

/** A server and what it said of itself. */
export interface OpenedServer {
  readonly server: EngineServer;
  readonly facts: EngineFacts;
}

/** The engine of `config` where it is a server; null for the built-in one. */
export function serverEngine({ rollout }: RunConfig): ServerEngine | null {
  return rollout.engine.type === "openai" ? rollout.engine : null;
}

/**
 * Connects to the server and checks that it serves the model and contexts that are long enough.
 *
 * @param contextTokensMax tokens of a context with its answer
 * @param apiKey the value of the variable that the engine names; undefined: it is not set
 * @throws EngineSetupError, and as every request
 */
export async function openServer(
  engine: ServerEngine,
  contextTokensMax: number,
  apiKey: string | undefined,
  signal: AbortSignal,
): Promise<OpenedServer> {
  const { apiKeyVariable, url, model, timeoutMs } = engine;
  if (apiKeyVariable !== undefined && apiKey === undefined) {
    throw new EngineSetupError(
      `${apiKeyVariable} is not set in this process's environment, but rollout.engine names it as ` +
        "the API key of its server: set it, or leave api_key_variable out",
    );
  }
  const { server: kind, attemptsMax, requestsMax } = engine;
  const limits = { timeoutMs, attemptsMax, requestsMax };
  const access = { url, model, server: kind, apiKey: apiKey ?? null };
  const server = new EngineServer({ ...access, ...limits, signal });
  try {
    const facts = await server.facts();
    const { tokensMax } = facts;
    if (tokensMax !== null && tokensMax < contextTokensMax) {
      throw new EngineSetupError(
        `${url} serves contexts of at most ${tokensMax} tokens, but rollout.context_tokens_max is ` +
          `${contextTokensMax}: start it with a longer one, or lower the key`,
      );
    }
    return { server, facts };
  } catch (thrown) {
    server.close();
    throw thrown;
  }
}

/**
 * The name of the engine that samples for a run, for its numeric class; null for the built-in one.
 * Asks the server, so that a run without one does not begin.
 */
export async function engineName(
  config: RunConfig,
  apiKey: string | undefined,
  signal: AbortSignal,
): Promise<string | null> {
  const chat = chatServer(config);
  if (chat !== null) return greetChatServer(chat, apiKey, signal);
  const engine = serverEngine(config);
  if (engine === null) return null;
  const { server, facts } = await openServer(
    engine,
    config.rollout.contextTokensMax,
    apiKey,
    signal,
  );
  server.close();
  return facts.name;
}
