// Goal: what a judge said before is taken and nobody is asked; where it said nothing, its server is
// asked, with its key.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Played, Verdicts } from "../../actors/index.ts";
import { AnswerJudgeBusyError, RewardSetupError } from "../../actors/reward-judge/index.ts";
import { judgeComponents } from "../../actors/reward-judge/judge-components.ts";
import { restoreRunConfig } from "../../config/index.ts";
import { streams } from "../../events/index.ts";
import { raises } from "../model-input/raises.ts";
import { tinyConfig } from "./tiny-run.ts";

interface Context {
  url: string;
  requests: number;
  close: () => Promise<unknown>;
}

const test = suite<Context>("judge components");

/** A server that answers nobody. */
test.before(async (context) => {
  context.requests = 0;
  const server = createServer((_, response) => {
    context.requests += 1;
    response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  context.close = () => new Promise((resolve) => server.close(resolve));
});
test.after(async ({ close }) => void (await close()));

function measureOf(url: string, apiKeyVariable: string, verdicts?: Verdicts) {
  const judge = { weight: 1, url, model: "m", attemptsMax: 1, apiKeyVariable };
  const config = restoreRunConfig({
    ...tinyConfig(),
    ...{ determinism: "tolerance", reward: { judge } },
  });
  const { signal } = new AbortController();
  const [component] = judgeComponents({ config, env: { KEY: "secret" }, signal, verdicts });
  if (component === undefined) throw new Error("the judge is a component");
  return async (sample: number) => {
    const trajectory = streams.trajectory("r", 1, 0, sample);
    const task = { id: "t", task: "search", kind: "search", question: "Who?", answers: ["Ada"] };
    const played = { trajectory, task, answer: "she", cause: "answered", calls: 0, turns: [] };
    return component.measure(played as unknown as Played);
  };
}

test("what was said before is taken, without the key", async (context) => {
  const said: Verdicts = (trajectory) => (trajectory.endsWith("0.1") ? 0 : 1);
  const measure = measureOf(context.url, "NONE", said);
  assert.equal([await measure(0), await measure(1)], [1, 0]);
  assert.is(context.requests, 0);
});

test("where nothing was said the server is asked, and its key is wanted", async (context) => {
  const setup = { type: RewardSetupError, code: "reward-setup" };
  await raises(() => measureOf(context.url, "NONE"), { ...setup, names: ["NONE"] });
  const late = measureOf(context.url, "NONE", () => null);
  await raises(() => late(0), { ...setup, names: ["NONE", "api_key_variable"] });
  const busy = { type: AnswerJudgeBusyError, code: "answer-judge-busy" };
  const measure = measureOf(context.url, "KEY", () => null);
  await raises(() => measure(0), { ...busy, names: ["503"] });
  assert.is(context.requests, 1);
});

test.run();
