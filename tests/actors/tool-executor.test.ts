import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  bounded,
  searchEngine,
  ToolExecutor,
  toolTextCharsMax,
} from "../../actors/tool-executor/index.ts";
import { type HashName, hashName, RetryableError } from "../../events/index.ts";

const test = suite("tool executor");

function world(run: (program: string) => Promise<string> | string = () => "output") {
  const stored = new Map<HashName, Uint8Array>();
  const blobs = {
    get: async (name: HashName) => stored.get(name) ?? null,
    async put(bytes: Uint8Array) {
      stored.set(hashName(bytes), bytes);
      return hashName(bytes);
    },
  };
  const runner = {
    digest: "d",
    executed: 0,
    async execute({ program }: { readonly program: string }) {
      runner.executed += 1;
      const image = Buffer.from(await run(program));
      return { cause: "ok", stdout: " said \n", stderr: "", image, observed: { wallMs: 1 } };
    },
  };
  const search = searchEngine(
    { query: async (text) => ({ hits: [{ text }, { text: "<b>" }], observed: {} }) },
    2,
  );
  return { blobs, runner, search };
}

const call = (input: string, image: HashName | null, tools = true) => ({
  tool: "python" as const,
  input,
  image,
  tools,
});

test("an execution's image is stored before it is named", async () => {
  const parts = world();
  const image = await parts.blobs.put(Buffer.from("input"));
  const reply = await new ToolExecutor({ ...parts, callsActiveMax: 1 }).execute(call("p", image));
  assert.is(reply.text, "said");
  assert.equal(reply.observed, { wallMs: 1, source: "executed" });
  assert.ok(reply.image !== null && (await parts.blobs.get(reply.image)) !== null);
});

test("equal executions are remembered, unless that is switched off", async () => {
  for (const [remember, executed] of [
    [true, 2],
    [false, 3],
  ] as const) {
    const parts = world();
    const image = await parts.blobs.put(Buffer.from("input"));
    const executor = new ToolExecutor({ ...parts, callsActiveMax: 1, remember });
    const first = await executor.execute(call("p", image));
    const second = await executor.execute(call("p", image));
    await executor.execute(call("q", image));
    assert.is(parts.runner.executed, executed);
    assert.equal({ ...second, observed: null }, { ...first, observed: null });
    assert.is(second.observed["source"], remember ? "remembered" : "executed");
  }
});

test("a program that the ledger holds is not executed again", async () => {
  for (const [source, executed] of [
    ["executed", 0],
    // What another answer stood for is found where that was recorded.
    ["remembered", 1],
  ] as const) {
    const parts = world();
    const image = await parts.blobs.put(Buffer.from("input"));
    const executor = new ToolExecutor({ ...parts, callsActiveMax: 1 });
    const recorded = { cause: "ok", text: "said before", image, observed: { source } };
    executor.recall({ input: "p", image }, recorded);
    const reply = await executor.execute(call("p", image));
    assert.is(parts.runner.executed, executed);
    if (executed === 0) {
      assert.equal(reply, { ...recorded, observed: { source: "remembered" } });
    }
  }
});

test("calls that are made at once share one execution", async () => {
  const parts = world();
  const image = await parts.blobs.put(Buffer.from("input"));
  const executor = new ToolExecutor({ ...parts, callsActiveMax: 4 });
  await Promise.all([1, 2, 3].map(() => executor.execute(call("p", image))));
  assert.is(parts.runner.executed, 1);
});

test("a lost engine is an error and is not remembered", async () => {
  let lost = true;
  const parts = world(() => {
    if (lost) throw new RetryableError("lost", "gone");
    return "output";
  });
  const image = await parts.blobs.put(Buffer.from("input"));
  const executor = new ToolExecutor({ ...parts, callsActiveMax: 1 });
  await executor.execute(call("p", image)).then(
    () => assert.unreachable("must fail"),
    (error: Error) => assert.instance(error, RetryableError),
  );
  lost = false;
  assert.is((await executor.execute(call("p", image))).cause, "ok");
});

test("a program about no image is answered, and not executed", async () => {
  const parts = world();
  const reply = await new ToolExecutor({ ...parts, callsActiveMax: 1 }).execute(call("p", null));
  assert.equal([reply.cause, reply.image, parts.runner.executed], ["no-image", null, 0]);
  assert.match(reply.text, /no image/);
});

test("without tools the input comes back and nothing is executed", async () => {
  const parts = world();
  const image = await parts.blobs.put(Buffer.from("input"));
  const executor = new ToolExecutor({ ...parts, callsActiveMax: 1 });
  const reply = await executor.execute(call("p", image, false));
  assert.is(reply.image, image);
  assert.is(parts.runner.executed, 0);
});

test("no more calls are active at once than allowed", async () => {
  let active = 0;
  let most = 0;
  const parts = world(async () => {
    active += 1;
    most = Math.max(most, active);
    await new Promise((resolve) => setTimeout(resolve, 2));
    active -= 1;
    return "output";
  });
  const image = await parts.blobs.put(Buffer.from("input"));
  const executor = new ToolExecutor({ ...parts, callsActiveMax: 2 });
  await Promise.all(["a", "b", "c", "d", "e"].map((name) => executor.execute(call(name, image))));
  assert.is(most, 2);
});

test("equal queries are asked once, whatever is said of programs", async () => {
  const asked: string[] = [];
  const query = async (text: string) => {
    asked.push(text);
    if (asked.length === 1) throw new RetryableError("busy", "busy");
    return { hits: [{ text }], observed: { backEnd: "test" } };
  };
  const options = { ...world(), search: searchEngine({ query }, 1), callsActiveMax: 1 };
  const executor = new ToolExecutor({ ...options, remember: false });
  const ask = (input: string) =>
    executor.execute({ tool: "search", input, image: null, tools: true });
  await ask("who").then(
    () => assert.unreachable("must fail"),
    (error: Error) => assert.instance(error, RetryableError),
  );
  const replies = await Promise.all(["who", " who\n", "WHO"].map(ask));
  assert.equal(asked, ["who", "who", "WHO"]);
  assert.equal(
    replies.map(({ observed }) => observed["source"]),
    ["executed", "remembered", "executed"],
  );
  assert.equal(replies[0]?.observed["backEnd"], "test");
});

test("a program that waits for its turn keeps no query waiting", async () => {
  let end = () => {};
  const held = new Promise<string>((resolve) => {
    end = () => resolve("output");
  });
  const parts = world(() => held);
  const image = await parts.blobs.put(Buffer.from("input"));
  const executor = new ToolExecutor({ ...parts, callsActiveMax: 1 });
  const execution = executor.execute(call("p", image));
  await executor.execute({ tool: "search", input: "q", image: null, tools: true });
  end();
  assert.is((await execution).cause, "ok");
});

test("a search answers in the environment's words, tags escaped", async () => {
  const executor = new ToolExecutor({ ...world(), callsActiveMax: 1 });
  const reply = await executor.execute({ tool: "search", input: "7K", image: null, tools: true });
  assert.match(reply.text, /^<information>.*7K.*‹b›.*<\/information>$/);
});

test("what a tool says is bounded, and never cut within a character", () => {
  const long = bounded(`${"a".repeat(toolTextCharsMax - 2)}😀b`);
  assert.is(long.length, toolTextCharsMax - 1);
  assert.ok(long.endsWith("a…"));
});

test("hits that are too long are cut before they are put into the environment's words", async () => {
  const hits = ["x", "y", "z"].map((letter) => ({ text: letter.repeat(toolTextCharsMax) }));
  const search = searchEngine({ query: async () => ({ hits, observed: {} }) }, 3);
  const executor = new ToolExecutor({ ...world(), search, callsActiveMax: 1 });
  const { text } = await executor.execute({ tool: "search", input: "q", image: null, tools: true });
  assert.ok(text.length <= toolTextCharsMax);
  assert.match(text, /^<information> x+… y+… z+…<\/information>$/);
});

test.run();
