// Opens the chat server that a configuration names.
import type { RunConfig } from "../../../config/index.ts";
import { type HashName, hashName } from "../../../events/index.ts";
import type { Encoder, PolicySampler } from "../ports.ts";
import { chatSampler } from "./chat-sampler.ts";
import { ChatClient } from "./client.ts";
import { codePointEncoder } from "./code-points.ts";
import { ChatSetupError } from "./errors.ts";

/** The configuration of a chat server. */
export type ChatServer = Extract<NonNullable<RunConfig["policy"]>, { readonly type: "server" }>;

/** The chat server of `config`; null where it names none. */
export function chatServer({ policy }: RunConfig): ChatServer | null {
  return policy?.type === "server" ? policy : null;
}

/** What stands for the weights of a model that only its server has. */
export function chatPolicyBytes({ model, tokensField }: ChatServer): Uint8Array {
  return Buffer.from(`${JSON.stringify({ type: "server", model, tokensField })}\n`);
}

/** Opens it for sampling. `readBlob` gives images. */
export function openChatPolicy(
  server: ChatServer,
  readBlob: (name: HashName) => Promise<Uint8Array | null>,
  apiKey: string | undefined,
): { readonly sampler: PolicySampler; readonly encoder: Encoder; close(): Promise<void> } {
  const ending = new AbortController();
  const { model, tokensField, requestsMax: rowsMax } = server;
  const client = clientOf(server, apiKey, ending.signal);
  const policy = hashName(chatPolicyBytes(server));
  return {
    sampler: chatSampler({ client, model, tokensField, rowsMax, policy, readBlob }),
    encoder: codePointEncoder,
    close: async () => ending.abort(),
  };
}

/**
 * Makes sure that the server is there. Resolves to its name for the numeric class: whoever reads
 * the run later knows that its words cannot be computed again.
 */
export async function greetChatServer(
  server: ChatServer,
  apiKey: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  await clientOf(server, apiKey, signal).greet();
  return `chat:${server.model}`;
}

function clientOf(
  { url, apiKeyVariable, timeoutMs, attemptsMax, requestsMax }: ChatServer,
  apiKey: string | undefined,
  signal: AbortSignal,
): ChatClient {
  if (apiKeyVariable !== undefined && apiKey === undefined) {
    throw new ChatSetupError(
      `${apiKeyVariable} is not set in this process's environment, but policy names it as the API ` +
        "key of its server: set it, or leave api_key_variable out",
    );
  }
  const limits = { timeoutMs, attemptsMax, requestsMax };
  return new ChatClient({ url, apiKey: apiKey ?? null, ...limits, signal });
}
