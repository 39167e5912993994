import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TurnRequest } from "../../actors/rollout/index.ts";
import { TurnBatcher } from "../../actors/rollout/turn-batcher.ts";

const test = suite("turn batcher");
const sampling = { temperature: 1, greedy: false, tools: true };

const request = (id: number): TurnRequest => ({
  ids: Int32Array.of(id),
  images: [],
  uniforms: Float32Array.of(0),
  seed: 0,
});

function batcher(rowsMax: number, lingerMs: number) {
  const calls: number[][] = [];
  const sampler = {
    rowsMax,
    async sample(requests: readonly TurnRequest[]) {
      calls.push(requests.map(({ ids }) => ids[0] as number));
      await new Promise((resolve) => setImmediate(resolve));
      if (requests.some(({ ids }) => ids[0] === 13)) throw new Error("unlucky");
      return requests.map(({ ids }) => ({
        ids,
        logProbs: Float32Array.of(0),
        entropy: 0,
        finish: "stop" as const,
      }));
    },
  };
  return { calls, sampler, batcher: new TurnBatcher({ sampler, lingerMs }) };
}

const idsOf = (turns: readonly { readonly ids: Int32Array }[]) => turns.map(({ ids }) => ids[0]);

test("a call waits for all who may still ask", async () => {
  const { calls, batcher: all } = batcher(8, 60_000);
  all.expect(3);
  const first = all.sample([request(1), request(2)], sampling);
  const second = all.sample([request(3)], sampling);
  assert.equal(idsOf(await first), [1, 2]);
  assert.equal(idsOf(await second), [3]);
  assert.equal(calls, [[1, 2, 3]]);
});

test("a call does not wait for those who have ended", async () => {
  const { calls, batcher: all } = batcher(8, 60_000);
  all.expect(3);
  const turns = all.sample([request(1), request(2)], sampling);
  all.expect(-1);
  await turns;
  assert.equal(calls, [[1, 2]]);
});

test("turns of a sampler whose rows are independent wait for nobody", async () => {
  const { calls, sampler } = batcher(8, 60_000);
  const alone = new TurnBatcher({ sampler: { ...sampler, independent: true }, lingerMs: 60_000 });
  alone.expect(3);
  const turns = [alone.sample([request(1)], sampling), alone.sample([request(2)], sampling)];
  assert.equal((await Promise.all(turns)).map(idsOf), [[1], [2]]);
  assert.equal(calls, [[1], [2]]);
});

test("an incomplete batch starts after a while", async () => {
  const { calls, batcher: all } = batcher(8, 1);
  all.expect(3);
  await all.sample([request(1)], sampling);
  assert.equal(calls, [[1]]);
});

test("a batch is never larger than the sampler takes", async () => {
  const { calls, batcher: all } = batcher(2, 1);
  all.expect(5);
  const turns = await all.sample([1, 2, 3, 4, 5].map(request), sampling);
  assert.equal(idsOf(turns), [1, 2, 3, 4, 5]);
  assert.equal(calls, [[1, 2], [3, 4], [5]]);
});

test("turns of different settings never share a call", async () => {
  const { calls, batcher: all } = batcher(8, 1);
  all.expect(2);
  const greedy = { ...sampling, greedy: true };
  await Promise.all([all.sample([request(1)], sampling), all.sample([request(2)], greedy)]);
  assert.equal(calls, [[1], [2]]);
});

test("a failed call fails its turns and no others", async () => {
  const { batcher: all } = batcher(1, 1);
  all.expect(2);
  const unlucky = all.sample([request(13)], sampling);
  const lucky = all.sample([request(7)], sampling);
  await unlucky.then(
    () => assert.unreachable("must fail"),
    (error: Error) => assert.is(error.message, "unlucky"),
  );
  assert.equal(idsOf(await lucky), [7]);
});

test.run();
