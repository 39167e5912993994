// Search at a server of the tests: over the wire, with a clock of its own.
import { inspect } from "node:util";
import * as assert from "uvu/assert";
import {
  type Clock,
  createRetrieverSearch,
  createSerperSearch,
  type Search,
  SearchServer,
  type ServerAccess,
} from "../../sandbox/index.ts";
import { passages } from "./search-contract.ts";
import { TestSearchServer, testKey } from "./search-server.ts";

/** Time that passes only where somebody waits for it. */
export class TestClock implements Clock {
  readonly sleeps: number[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.sleeps.push(ms);
    this.#now += ms;
  }
}

export type Kind = "serper" | "retriever";

const defaults = { timeoutMs: 5_000, attemptsMax: 3, requestsMax: 8 };

export function access(kind: Kind, url: string, more: Partial<ServerAccess> = {}): ServerAccess {
  const key = { header: "x-api-key", prefix: "", value: testKey };
  const queriesPerSecond = Number.POSITIVE_INFINITY;
  const own = { url, key: kind === "serper" ? key : null, queriesPerSecond, budget: null };
  return { ...defaults, ...own, clock: new TestClock(), ...more };
}

export function searchOf(kind: Kind, given: ServerAccess): Search {
  const server = new SearchServer(given);
  return kind === "serper"
    ? createSerperSearch(server, { results: "reference" })
    : createRetrieverSearch(server);
}

interface World {
  readonly server: TestSearchServer;
  readonly search: Search;
  readonly clock: TestClock;
}

export async function within<T>(
  kind: Kind,
  use: (world: World) => Promise<T>,
  more: Partial<ServerAccess> = {},
): Promise<T> {
  const server = new TestSearchServer(kind, passages);
  const clock = new TestClock();
  const search = searchOf(kind, access(kind, await server.open(), { clock, ...more }));
  try {
    return await use({ server, search, clock });
  } finally {
    await search.close();
    await server.close();
  }
}

export async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    (value) => assert.unreachable(`must fail, and gave ${inspect(value)}`),
    (error: Error) => error,
  ) as Promise<Error>;
}
