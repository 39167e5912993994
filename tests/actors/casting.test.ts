// Orders to workers that die, or refuse: somebody else is asked, and at once.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Messenger, type PlayOrder, received } from "../../actors/protocol.ts";
import { castGroups } from "../../actors/run/casting.ts";
import { Crew } from "../../actors/run/crew.ts";
import { hashName } from "../../events/index.ts";
import { HostClosedError, MemoryBroker } from "../../runtime/index.ts";

const test = suite("casting");
const address = { cluster: "test", run: "r" };
const task = { id: "t", task: "coding" as const, kind: "dark", question: "?", answers: ["a"] };
const order: PlayOrder = {
  step: 1,
  policy: hashName(Buffer.from("policy")),
  sampling: { temperature: 1, greedy: false, tools: true },
  samples: 1,
  groups: [{ group: 0, task: { ...task, image: null, reference: null } }],
};
/** Much less than an order may take. */
const soonMs = 5_000;

interface World {
  readonly crew: Crew;
  readonly asked: string[];
  /** Casts until the worker `last` has been asked. */
  castUntil(last: string): Promise<void>;
}

/** Workers by name, with what each does with an order. */
function worldOf(workers: Readonly<Record<string, () => Promise<typeof received>>>): World {
  const broker = new MemoryBroker();
  const bus = broker.connect();
  const crew = new Crew();
  const asked: string[] = [];
  const ending = new AbortController();
  for (const [worker, answer] of Object.entries(workers)) {
    new Messenger(bus, address).serve(worker, "play", () => {
      asked.push(worker);
      return answer();
    });
  }
  const messenger = new Messenger(broker.connect(), address);
  return {
    crew,
    asked,
    async castUntil(last) {
      const late = setTimeout(() => ending.abort(), soonMs);
      const cast = castGroups(crew, messenger, order, () => true, ending.signal);
      while (asked.at(-1) !== last && !ending.signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      clearTimeout(late);
      ending.abort();
      await cast;
      assert.is(asked.at(-1), last, "in time");
    },
  };
}

test("what a worker was asked when it died goes to another, without waiting for it", async () => {
  const { crew, asked, castUntil } = worldOf({
    a: () => new Promise(() => {}),
    b: async () => received,
  });
  crew.add("a", "a", "rollout");
  setTimeout(() => {
    crew.end("a");
    crew.add("b", "b", "rollout");
  }, 100);
  await castUntil("b");
  assert.equal(asked, ["a", "b"]);
});

test("a worker that begins a new life is asked anew", async () => {
  let orders = 0;
  const { crew, asked, castUntil } = worldOf({
    a: () => (orders++ === 0 ? new Promise(() => {}) : Promise.resolve(received)),
  });
  crew.add("a", "a", "rollout");
  setTimeout(() => crew.add("a", "a", "rollout"), 100);
  setTimeout(() => asked.push("over"), 600);
  await castUntil("over");
  assert.equal(asked, ["a", "a", "over"]);
});

test("a worker that is ending does not end the run", async () => {
  let orders = 0;
  const { crew, asked, castUntil } = worldOf({
    a: async () => {
      if (orders++ === 0) throw new HostClosedError("rollout");
      return received;
    },
  });
  crew.add("a", "a", "rollout");
  setTimeout(() => asked.push("over"), 2_000);
  await castUntil("over");
  assert.equal(asked, ["a", "a", "over"]);
});

test.run();
