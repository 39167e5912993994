// A server for tests that speaks `/v1/chat/completions` in the form of OpenAI's API reference (chat
// completion object, error object), as vLLM, SGLang, llama.cpp and Ollama do. What it says is a
// function of what it is asked; faults of the world are put in by `fault`.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ChatPart {
  readonly type: string;
  readonly text?: string;
  readonly image_url?: { readonly url: string };
}

export interface ChatBody {
  readonly model: string;
  readonly messages: readonly {
    readonly role: string;
    readonly content: string | readonly ChatPart[];
  }[];
  readonly temperature: number;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
}

export interface Said {
  readonly text: string | null;
  readonly finish?: string;
}

/** What happens to a request instead of its being answered. */
export type ChatFault =
  | { readonly kind: "silence" }
  | { readonly kind: "cut" }
  | { readonly kind: "reply"; readonly status: number; readonly body: string };

export interface ChatServerOptions {
  readonly say: (body: ChatBody) => Said;
  readonly apiKey?: string;
}

export class TestChatServer {
  fault: (body: ChatBody) => ChatFault | null = () => null;
  /** The bodies of all questions, in order of arrival. */
  readonly asked: ChatBody[] = [];
  readonly #options: ChatServerOptions;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  constructor(options: ChatServerOptions) {
    this.#options = options;
  }

  async open(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { apiKey } = this.#options;
    if (apiKey !== undefined && request.headers.authorization !== `Bearer ${apiKey}`) {
      const error = { message: "Incorrect API key provided", type: "invalid_request_error" };
      return reply(response, 401, JSON.stringify({ error }));
    }
    if (request.url === "/v1/models") {
      const data = [{ id: "parrot", object: "model", created: 0, owned_by: "test" }];
      return reply(response, 200, JSON.stringify({ object: "list", data }));
    }
    if (request.url !== "/v1/chat/completions") return reply(response, 404, "Not Found");
    const body = JSON.parse(Buffer.concat(parts).toString()) as ChatBody;
    this.asked.push(body);
    const fault = this.fault(body);
    if (fault?.kind === "silence") return;
    if (fault?.kind === "reply") return reply(response, fault.status, fault.body);
    const text = JSON.stringify(completion(this.#options.say(body)));
    if (fault?.kind !== "cut") return reply(response, 200, text);
    response.writeHead(200, { "content-length": Buffer.byteLength(text) });
    response.write(text.slice(0, text.length / 2), () => response.destroy());
  }
}

/** All text of a question's last message. */
export function lastText({ messages }: ChatBody): string {
  const { content = "" } = messages.at(-1) ?? {};
  if (typeof content === "string") return content;
  return content.map(({ text = "" }) => text).join("");
}

function completion({ text, finish = "stop" }: Said) {
  const message = { role: "assistant", content: text, refusal: null };
  const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: finish }];
  return { id: "c", object: "chat.completion", created: 0, model: "parrot", choices, usage };
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(text);
}
