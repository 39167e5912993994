// A server for tests that speaks as google.serper.dev/search does, or as the retrieval servers of
// Search-R1, over search in memory. Faults of the world are put in by `fault`.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createBm25Search, type Passage } from "../../sandbox/index.ts";

type Json = Readonly<Record<string, unknown>>;

/** What happens to a request instead of its being answered. */
export type Fault =
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: "silence" }
  /** The connection ends before an answer begins. */
  | { readonly kind: "hang-up" }
  /** The answer ends in its middle. */
  | { readonly kind: "cut" }
  | { readonly kind: "huge" }
  | { readonly kind: "body"; readonly body: string; readonly type?: string };

export interface AskedRequest {
  readonly headers: IncomingMessage["headers"];
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly body: Json;
}

export const testKey = "sk-test-0123456789abcdef";

export class TestSearchServer {
  /** Asked for each request, by its number from 1. */
  fault: (number: number) => Fault | null = () => null;
  readonly requests: AskedRequest[] = [];
  readonly #kind: "serper" | "retriever";
  readonly #search: ReturnType<typeof createBm25Search>;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  constructor(kind: "serper" | "retriever", passages: readonly Passage[] = []) {
    this.#kind = kind;
    this.#search = createBm25Search(passages);
  }

  /** Listens and resolves to the URL that queries are posted to. */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/${this.#kind === "serper" ? "search" : "retrieve"}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { headers, method, url: path } = request;
    const body = JSON.parse(Buffer.concat(parts).toString()) as Json;
    this.requests.push({ headers, method, path, body });
    const fault = this.fault(this.requests.length);
    if (fault !== null) return misbehave(response, fault);
    const answer =
      this.#kind === "serper" ? await this.#serper(headers, body) : this.#retrieve(body);
    const { status, json } = await answer;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
  }

  /** As google.serper.dev answers; refusals as seen from it. */
  async #serper(headers: IncomingMessage["headers"], { q, num }: Json) {
    if (headers["x-api-key"] !== testKey) {
      return { status: 403, json: { message: "Unauthorized.", statusCode: 403 } };
    }
    if (typeof q !== "string" || q === "") {
      return { status: 400, json: { message: "Missing query parameter", statusCode: 400 } };
    }
    const { hits } = await this.#search.query(q, Number(num));
    const organic = hits.map(({ id, text }, index) => ({
      link: id,
      snippet: text,
      position: index + 1,
    }));
    const searchParameters = { q, num, type: "search", engine: "google" };
    return { status: 200, json: { searchParameters, organic, credits: 1 } };
  }

  /** As search_r1/search/retrieval_server.py answers. */
  async #retrieve({ queries, topk }: Json) {
    const lists = (queries as readonly string[]).map(async (query) => {
      const { hits } = await this.#search.query(query, Number(topk));
      return hits.map(({ id, text, score }) => ({ document: { id, contents: text }, score }));
    });
    return { status: 200, json: { result: await Promise.all(lists) } };
  }
}

function misbehave(response: ServerResponse, fault: Fault): void {
  switch (fault.kind) {
    case "status":
      response.writeHead(fault.status, fault.headers).end(fault.body ?? "");
      return;
    case "silence":
      return;
    case "hang-up":
      response.destroy();
      return;
    case "cut":
      response.writeHead(200, { "content-type": "application/json", "content-length": 1_000 });
      response.write('{"organic": [', () => response.destroy());
      return;
    case "huge": {
      response.writeHead(200, { "content-type": "application/json" });
      const part = Buffer.alloc(2 ** 16, 0x20);
      const more = (): void => {
        while (!response.destroyed && response.write(part));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
      return;
    }
    case "body":
      response.writeHead(200, { "content-type": fault.type ?? "application/json" });
      response.end(fault.body);
  }
}
