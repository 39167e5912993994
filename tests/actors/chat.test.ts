// Goal: a plain chat server gets the conversation as it stands in the ledger, its faults are asked
// again or end the evaluation, and nothing that it says is lost or forged.
// Method: a real HTTP server that speaks the form of OpenAI's reference.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  codePointEncoder as encoder,
  messagesOf,
  showCodePoints,
  turnIds,
} from "../../actors/rollout/chat/code-points.ts";
import { type ChatServer, openChatPolicy } from "../../actors/rollout/chat/index.ts";
import { hashName } from "../../events/index.ts";
import { type ChatFault, lastText, type Said, TestChatServer } from "../e2e/chat-server.ts";

const test = suite("chat server");
const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABc3UBGAAAAABJRU5ErkJggg==",
  "base64",
);
const image = hashName(png);
const greedy = { temperature: 1, greedy: true, tools: true };

interface Asked {
  readonly say?: Said;
  readonly faults?: readonly (ChatFault | null)[];
  readonly apiKey?: string;
  readonly changes?: Partial<ChatServer>;
}

/** One turn of a server over `ids`. */
async function ask(ids: Int32Array, { say, faults = [], apiKey, changes }: Asked = {}) {
  const server = new TestChatServer({
    say: () => say ?? { text: "It is Eiffel 🗼." },
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  const left = [...faults];
  server.fault = () => left.shift() ?? null;
  const url = await server.open();
  const settings: ChatServer = {
    type: "server",
    url,
    model: "parrot",
    tokensField: "max_tokens",
    contextCharactersMax: 1_000,
    requestsMax: 2,
    timeoutMs: 300,
    attemptsMax: 3,
    ...changes,
  };
  const key = apiKey === undefined ? undefined : "secret";
  const policy = openChatPolicy(settings, async () => png, key);
  const request = { ids, images: [image], uniforms: new Float32Array(7), seed: 5 };
  try {
    const [turn] = await policy.sampler.sample([request], greedy);
    return { turn, server, error: null };
  } catch (thrown) {
    return { turn: undefined, server, error: thrown as Error & { policy?: string } };
  } finally {
    await policy.close();
    await server.close();
  }
}

const question = await encoder.prompt({ text: "<image>What is it?", images: [image] });

test("the conversation goes out as messages, the image as it is stored", async () => {
  const { server, turn } = await ask(question.ids);
  const [body] = server.asked;
  assert.equal(body?.messages, [
    {
      role: "user",
      content: [
        {
          type: "image_url",
          image_url: { url: `data:image/png;base64,${png.toString("base64")}` },
        },
        { type: "text", text: "What is it?" },
      ],
    },
  ]);
  assert.equal([body?.model, body?.temperature, body?.max_tokens], ["parrot", 0, 7]);
  assert.is(encoder.decode(turn?.ids ?? new Int32Array(0)), "It is Eiffel 🗼.");
  assert.equal([turn?.unscored, turn?.logProbs.length, turn?.finish], [true, 0, "stop"]);
  assert.is(turn?.observed?.["completionTokens"], 3);
});

test("a second question goes behind the first, role by role", async () => {
  const said = turnIds("<search>who</search>", "stop");
  const more = await encoder.continuation(
    { text: "<information>x</information>", images: [] },
    true,
  );
  const { server } = await ask(Int32Array.from([...question.ids, ...said, ...more.ids]));
  const roles = server.asked[0]?.messages.map(({ role }) => role);
  assert.equal(roles, ["user", "assistant", "user"]);
  assert.is(server.asked[0]?.messages[1]?.content, "<search>who</search>");
  assert.is(server.asked[0] && lastText(server.asked[0]), "<information>x</information>");
});

test("a turn that was cut off says so", async () => {
  const { turn } = await ask(question.ids, { say: { text: "It is", finish: "length" } });
  assert.is(turn?.finish, "length");
  assert.is(encoder.decode(turn?.ids ?? new Int32Array(0)), "It is");
});

test("an answer without text is a turn without text", async () => {
  const say = { text: null, finish: "content_filter" };
  const { turn } = await ask(question.ids, { say });
  assert.is(encoder.decode(turn?.ids ?? new Int32Array(0)), "");
  assert.is(turn?.observed?.["finishReason"], "content_filter");
});

const passing: readonly (readonly [string, ChatFault])[] = [
  ["a 503", { kind: "reply", status: 503, body: "starting" }],
  ["a 429", { kind: "reply", status: 429, body: '{"error":{"message":"slow down"}}' }],
  ["silence", { kind: "silence" }],
  ["an answer that is cut off", { kind: "cut" }],
  ["text that is no JSON", { kind: "reply", status: 200, body: "<html>" }],
  ["an error in a 200", { kind: "reply", status: 200, body: '{"error":{"message":"upstream"}}' }],
];

for (const [name, fault] of passing) {
  test(`${name} is asked again`, async () => {
    const { turn, server } = await ask(question.ids, { faults: [fault] });
    assert.is(turn?.finish, "stop");
    assert.is(server.asked.length, 2);
  });
}

test("what does not pass is no turn: the evaluation goes on later", async () => {
  const fault: ChatFault = { kind: "reply", status: 500, body: "broken" };
  const { error, server } = await ask(question.ids, { faults: [fault, fault, fault] });
  assert.is(server.asked.length, 3);
  assert.is(error?.policy, "retryable");
  assert.match(error?.message ?? "", /status 500 \(broken\).*policy\.url/);
});

test("a refusal ends it at once, and says what to do", async () => {
  const words = '{"error":{"message":"Use max_completion_tokens instead."}}';
  const refused: ChatFault = { kind: "reply", status: 400, body: words };
  const { error, server } = await ask(question.ids, { faults: [refused] });
  assert.is(server.asked.length, 1);
  assert.match(error?.message ?? "", /tokens_field = "max_completion_tokens"/);
});

test("a key that is not taken is told without the key", async () => {
  const changes = { apiKeyVariable: "PARROT_KEY" };
  const { error } = await ask(question.ids, { apiKey: "another", changes });
  assert.match(error?.message ?? "", /401.*policy\.api_key_variable/);
  assert.not.match(error?.message ?? "", /secret/);
});

test("an answer of any size fits into its event", async () => {
  const { turn } = await ask(question.ids, { say: { text: "x".repeat(100_000) } });
  assert.is(turn?.finish, "length");
  assert.ok((turn?.ids.byteLength ?? 0) < 200_000);
});

test("half a character becomes one that every codec takes", async () => {
  const { turn } = await ask(question.ids, { say: { text: "a\ud83d b" } });
  assert.is(encoder.decode(turn?.ids ?? new Int32Array(0)), "a\ufffd b");
});

test("any text comes back as it was, and forges no mark", async () => {
  const seed = 20_261_122;
  console.log(`seed ${seed}`);
  const text = fc.string({ unit: "grapheme" });
  await fc.assert(
    fc.asyncProperty(text, text, async (asked, said) => {
      const plain = asked.replaceAll("<image>", "");
      const { ids } = await encoder.prompt({ text: plain, images: [] });
      const spoken = turnIds(said, "stop");
      assert.is(encoder.decode(spoken), said);
      const messages = messagesOf(Int32Array.from([...ids, ...spoken]), []);
      const [user, assistant, ...others] = messages;
      assert.equal(user?.parts, plain === "" ? [] : [{ text: plain }]);
      assert.equal(assistant?.parts ?? [], said === "" ? [] : [{ text: said }]);
      assert.is(others.length, 0);
    }),
    { seed },
  );
});

test("for people, marks are words", () => {
  assert.is(showCodePoints(question.ids), "[user] [image]What is it?\n[assistant] ");
});

test.run();
