// Goal: servers of others fail in many ways, and each has its outcome: asked again, or an error
// that says what to do. Never an answer, and never a word of the key.
import { inspect } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CancelledError, RetryableError, TerminalError } from "../../events/index.ts";
import {
  SearchBusyError,
  SearchGarbledError,
  SearchProtocolError,
  SearchRefusedError,
  SearchUnreachableError,
} from "../../sandbox/index.ts";
import { passages, searchContract } from "./search-contract.ts";
import { type Fault, TestSearchServer, testKey } from "./search-server.ts";
import { access, rejection, searchOf, within } from "./search-world.ts";

const test = suite("search at a server");

for (const kind of ["serper", "retriever"] as const) {
  searchContract(`${kind}, over its wire format`, async (list) => {
    const server = new TestSearchServer(kind, list);
    const url = await server.open();
    return { search: searchOf(kind, access(kind, url)), close: () => server.close() };
  });
}

/** Everything that an error says, its causes included. */
const wordsOf = (error: Error) => inspect(error, { depth: 9, showHidden: true });

test("Serper is asked as it documents", async () => {
  await within("serper", async ({ server, search }) => {
    const { hits, observed } = await search.query("  when was\nLyon ", 2);
    assert.is(hits.length, 2);
    assert.equal(observed, { backEnd: "serper", attempts: 1, waitMs: 0 });
    const { method, path, headers, body } = onlyOne(server.requests);
    assert.equal([method, path, body], ["POST", "/search", { q: "when was Lyon", num: 2 }]);
    assert.is(headers["x-api-key"], testKey);
    assert.is(headers["content-type"], "application/json");
  });
});

test("a retriever is asked as Search-R1 asks it", async () => {
  await within("retriever", async ({ server, search }) => {
    const { hits } = await search.query("Lyon", 1);
    assert.equal([hits[0]?.id, typeof hits[0]?.score], ["c", "number"]);
    const { method, path, headers, body } = onlyOne(server.requests);
    const expected = { queries: ["Lyon"], topk: 1, return_scores: true };
    assert.equal([method, path, body], ["POST", "/retrieve", expected]);
    assert.is(headers["x-api-key"], undefined);
  });
});

function onlyOne<T>(list: readonly T[]): T {
  const [one] = list;
  if (one === undefined || list.length > 1) throw new Error(`${list.length} and not one`);
  return one;
}

interface Outcome {
  readonly fault: Fault;
  readonly error: new (...parameters: never[]) => Error;
  readonly words: RegExp;
}

/** Each fault with what it comes to when it stays. */
const faults: Readonly<Record<string, Outcome>> = {
  "429": {
    fault: { kind: "status", status: 429, body: '{"message":"Too many requests"}' },
    error: SearchBusyError,
    words: /status 429 \(Too many requests\); search\.queries_per_second/,
  },
  "500": {
    fault: { kind: "status", status: 500, body: "<html>\u001b[31moops</html>" },
    error: SearchBusyError,
    words: /status 500 \(<html> \[31moops<\/html>\)/,
  },
  "503 without words": {
    fault: { kind: "status", status: 503 },
    error: SearchBusyError,
    words: /status 503/,
  },
  "a hang-up": {
    fault: { kind: "hang-up" },
    error: SearchUnreachableError,
    words: /the connection was cut; start the server, or mend search\.url/,
  },
  "a cut-off answer": {
    fault: { kind: "cut" },
    error: SearchGarbledError,
    words: /the answer was cut off after 13 bytes; is there a proxy/,
  },
  "no JSON": {
    fault: { kind: "body", body: '{"organic": [' },
    error: SearchGarbledError,
    words: /the answer is no JSON \(application\/json\)/,
  },
  "a page instead": {
    fault: { kind: "body", body: "<html>Log in</html>", type: "text/html" },
    error: SearchGarbledError,
    words: /the answer is no JSON \(text\/html\)/,
  },
  "an endless answer": {
    fault: { kind: "huge" },
    error: SearchGarbledError,
    words: /the answer has more than 4194304 bytes/,
  },
};

for (const kind of ["serper", "retriever"] as const) {
  for (const [name, { fault, error, words }] of Object.entries(faults)) {
    test(`${kind}: ${name} that passes is asked again, one that stays is an error`, async () => {
      await within(kind, async ({ server, search, clock }) => {
        server.fault = (number) => (number <= 2 ? fault : null);
        const { hits, observed } = await search.query("Lyon", 1);
        assert.equal([hits[0]?.id, observed["attempts"]], ["c", 3]);
        assert.is(clock.sleeps.length, 2);
        server.fault = () => fault;
        const thrown = await rejection(search.query("Lyon", 1));
        assert.instance(thrown, error);
        assert.instance(thrown, RetryableError);
        assert.match(thrown.message, words);
        assert.ok(thrown.message.startsWith("POST http://127.0.0.1:"), thrown.message);
        assert.is(server.requests.length, 6);
        // The same query waits the same, and each wait is longer.
        assert.equal(clock.sleeps.slice(0, 2), clock.sleeps.slice(2));
        assert.ok((clock.sleeps[0] ?? 0) < (clock.sleeps[1] ?? 0));
      });
    });
  }
}

test("a server that says nothing is left after the time that it has", async () => {
  const more = { timeoutMs: 100, attemptsMax: 2 };
  await within(
    "retriever",
    async ({ server, search }) => {
      server.fault = (number) => (number === 1 ? { kind: "silence" } : null);
      assert.is((await search.query("Lyon", 1)).observed["attempts"], 2);
      server.fault = () => ({ kind: "silence" });
      const thrown = await rejection(search.query("Lyon", 1));
      assert.instance(thrown, SearchUnreachableError);
      assert.match(thrown.message, "no answer within 100 ms");
    },
    more,
  );
});

test("nobody there is an error that names the address", async () => {
  const server = new TestSearchServer("retriever");
  const url = await server.open();
  await server.close();
  const search = searchOf("retriever", access("retriever", url));
  const thrown = await rejection(search.query("Lyon", 1));
  assert.instance(thrown, SearchUnreachableError);
  assert.match(thrown.message, `POST ${url}: connection refused`);
});

test("what a server asks to be waited is waited, by everyone", async () => {
  await within("serper", async ({ server, search, clock }) => {
    const headers = { "retry-after": "7" };
    server.fault = (number) => (number === 1 ? { kind: "status", status: 429, headers } : null);
    await search.query("Lyon", 1);
    assert.equal(clock.sleeps, [7_000]);
  });
  await within("serper", async ({ server, search, clock }) => {
    const date = "Sun, 06 Nov 1994 08:49:37 GMT";
    const headers = { "retry-after": "Sun, 06 Nov 1994 08:49:40 GMT", date };
    server.fault = (number) => (number === 1 ? { kind: "status", status: 503, headers } : null);
    await search.query("Lyon", 1);
    assert.equal(clock.sleeps, [3_000]);
  });
});

test("a server that asks for more patience than there is stops the run", async () => {
  await within("serper", async ({ server, search, clock }) => {
    const headers = { "retry-after": "3600" };
    server.fault = () => ({ kind: "status", status: 429, headers });
    const thrown = await rejection(search.query("Lyon", 1));
    assert.instance(thrown, SearchRefusedError);
    assert.match(thrown.message, "it asks to be left alone for 3600 s: resume the run then");
    assert.equal([server.requests.length, clock.sleeps], [1, []]);
  });
});

test("what trying again does not mend is an error at once, with the mend", async () => {
  const json = (message: string) => JSON.stringify({ message, statusCode: 400 });
  for (const [status, body, words] of [
    [400, json("Not enough credits"), "the account has no queries left"],
    [403, json("Unauthorized."), "status 403 (Unauthorized.); is the key in the variable"],
    [404, '{"detail":"Not Found"}', "(Not Found); is search.url the whole address"],
    [422, '{"detail":[{"loc":["body"]}]}', "status 422"],
  ] as const) {
    for (const kind of ["serper", "retriever"] as const) {
      await within(kind, async ({ server, search }) => {
        server.fault = () => ({ kind: "status", status, body });
        const thrown = await rejection(search.query("Lyon", 1));
        assert.instance(thrown, SearchRefusedError);
        assert.instance(thrown, TerminalError);
        assert.ok(thrown.message.includes(words), thrown.message);
        assert.is(server.requests.length, 1);
      });
    }
  }
});

test("an answer of another protocol is an error at once", async () => {
  for (const body of ['{"message":"hello"}', "null", "[]", '{"result":[]}', '"text"']) {
    for (const kind of ["serper", "retriever"] as const) {
      await within(kind, async ({ server, search }) => {
        server.fault = () => ({ kind: "body", body });
        const thrown = await rejection(search.query("Lyon", 1));
        assert.instance(thrown, SearchProtocolError, body);
        assert.match(thrown.message, "is search.url the right address");
      });
    }
  }
});

test("a redirect is not followed: the key goes nowhere else", async () => {
  const other = new TestSearchServer("serper", passages);
  const location = `${await other.open()}?token=secret`;
  await within("serper", async ({ server, search }) => {
    for (const status of [301, 302, 307, 308]) {
      server.fault = () => ({ kind: "status", status, headers: { location } });
      const thrown = await rejection(search.query("Lyon", 1));
      assert.instance(thrown, SearchRefusedError);
      const there = location.replace("?token=secret", "");
      assert.ok(thrown.message.includes(`it redirects to ${there}, which is not followed`));
      assert.not.match(wordsOf(thrown), "token=secret");
    }
  });
  assert.is(other.requests.length, 0);
  await other.close();
});

test("a query that Serper refuses for its form has no hits, and says so beside", async () => {
  await within("serper", async ({ server, search }) => {
    const body = '{"message":"Query pattern not allowed for free accounts.","statusCode":400}';
    server.fault = () => ({ kind: "status", status: 400, body });
    const { hits, observed } = await search.query("site:example.org x", 3);
    assert.equal(hits, []);
    assert.match(String(observed["refused"]), "Query pattern not allowed");
  });
});

test("nothing to search for is not asked", async () => {
  for (const kind of ["serper", "retriever"] as const) {
    await within(kind, async ({ server, search }) => {
      for (const text of ["", "  ", "?!"]) await search.query(text, 3);
      assert.is(server.requests.length, 0);
    });
  }
});

test("no error, answer or observation holds the key, even where the server repeats it", async () => {
  const echo = `{"message":"bad key ${testKey}","organic":[{"snippet":"${testKey}"}]}`;
  const each: readonly Fault[] = [
    ...Object.values(faults).map(({ fault }) => fault),
    { kind: "status", status: 403, body: echo },
    { kind: "status", status: 500, body: echo },
    { kind: "status", status: 302, headers: { location: `http://elsewhere/${testKey}` } },
    { kind: "body", body: echo },
    { kind: "body", body: echo.slice(1) },
  ];
  for (const fault of each) {
    await within(
      "serper",
      async ({ server, search }) => {
        server.fault = () => fault;
        const said = await search.query("Lyon", 3).then((answer) => inspect(answer), wordsOf);
        assert.not.ok(said.includes(testKey), said);
      },
      { attemptsMax: 1 },
    );
  }
});

test("a closed search ends what is under way, as a cancellation", async () => {
  await within("serper", async ({ server, search }) => {
    server.fault = () => ({ kind: "silence" });
    const asked = rejection(search.query("Lyon", 1));
    while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await search.close();
    assert.instance(await asked, CancelledError);
  });
});

test.run();
