// What the host promises about effects.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CancelledError,
  effectCommandId,
  RetryableError,
  TerminalError,
} from "../../events/index.ts";
import { effectAttemptsMax } from "../../runtime/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import {
  ask,
  eventsOf,
  group,
  never,
  openWorld,
  rejection,
  stream,
  typesOf,
} from "./host-world.ts";

const test = suite("actor host: effects");

test("a restart asks again for exactly the effects without a result, under the same ids", async () => {
  const disk = new MemoryDisk();
  const seen: string[] = [];
  const one = await openWorld(
    { fetch: (amount) => (amount === 1 ? Promise.resolve({ type: "add", amount }) : never()) },
    { disk },
  );
  for (const amount of [1, 2, 3]) await one.host.tell(stream, ask(`c${amount}`, amount));
  await new Promise((resolve) => setTimeout(resolve, 10));
  const asked = (await one.ledger.readStream(stream)).filter(
    ({ type }) => type === "counter.asked",
  );
  await one.ledger.close();

  const announced: number[] = [];
  const two = await openWorld(
    {
      fetch: async (amount, { effectId }) => {
        seen.push(`${amount} ${effectId}`);
        return { type: "add", amount };
      },
      announce: async (total) => void announced.push(total),
    },
    { disk },
  );
  await two.host.start([stream]);
  await two.host.idle();
  assert.equal(
    seen,
    [2, 3].map((amount) => `${amount} ${effectCommandId(asked[amount - 1]?.id ?? "", "fetch")}`),
  );
  assert.is((await two.host.state(stream)).context.total, 6);
  assert.equal(announced, [3, 6], "a notice is not repeated after a restart");
  await two.host.close();
});

test("results that are settled, unknown or refused change nothing", async () => {
  const { host, ledger, faults } = await openWorld({ fetch: async () => null });
  const outcome = await host.tell(stream, ask("c1", 5));
  const effectId = effectCommandId(eventsOf(outcome)[0]?.id ?? "", "fetch");
  const result = { type: "add", amount: 5 } as const;
  await host.idle();
  assert.is((await host.settle(stream, "f".repeat(64), result)).status, "duplicate");
  assert.is((await host.settle(stream, effectId, result)).status, "recorded");
  assert.is((await host.settle(stream, effectId, result)).status, "duplicate");
  assert.equal(await typesOf(ledger), ["counter.asked", "counter.added"]);
  await host.close();
  assert.equal(faults, []);
});

test("a result that comes too late is refused and reported, not recorded", async () => {
  let release = (_: { type: "add"; amount: number }): void => {};
  const { host, ledger, faults } = await openWorld({
    fetch: () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  });
  await host.tell(stream, ask("c1", 5));
  await host.tell(stream, { id: "c2", type: "close" });
  release({ type: "add", amount: 5 });
  await host.idle();
  assert.equal(
    faults.map(({ kind, effect }) => [kind, effect]),
    [["result-refused", "fetch"]],
  );
  assert.equal(await typesOf(ledger), ["counter.asked", "counter.added", "counter.closed"]);
  await host.close();
});

test("a batch comes back whole after a restart", async () => {
  const disk = new MemoryDisk();
  const one = await openWorld({ appraise: never }, { disk });
  await one.host.tellAll(
    group.map((name, index) => ({ stream: name, command: ask(`c${index}`, 100) })),
  );
  await one.ledger.close();
  const sizes: number[] = [];
  const two = await openWorld(
    {
      appraise: async (calls) => {
        sizes.push(calls.length);
        return calls.map(() => ({ type: "add", amount: 1 }));
      },
    },
    { disk },
  );
  await two.host.start(group);
  await two.host.idle();
  assert.equal(sizes, [3]);
  await two.host.close();
});

test("a retryable failure of an effect is tried again under the same id", async () => {
  const ids = new Set<string>();
  const attempts: number[] = [];
  const { host, faults } = await openWorld({
    fetch: async (amount, { effectId, attempt }) => {
      ids.add(effectId);
      attempts.push(attempt);
      if (attempt < 3) throw new RetryableError("busy", "later");
      return { type: "add", amount };
    },
  });
  await host.tell(stream, ask("c1", 5));
  await host.idle();
  assert.is(ids.size, 1);
  assert.equal(attempts, [1, 2, 3]);
  assert.is((await host.state(stream)).context.total, 5);
  assert.equal(faults, []);
  await host.close();
});

test("an effect that keeps failing, or fails for good, parks the instance and tells why", async () => {
  for (const [error, attempts] of [
    [new RetryableError("busy", "the engine is busy"), effectAttemptsMax],
    [new TerminalError("broken", "the engine is broken"), 1],
    [new Error("a defect"), 1],
  ] as const) {
    let count = 0;
    const { host, faults } = await openWorld({
      fetch: async () => {
        count += 1;
        throw error;
      },
    });
    await host.tell(stream, ask("c1", 5));
    await host.idle();
    assert.is(count, attempts);
    assert.equal(
      faults.map((fault) => [fault.kind, fault.actor, fault.stream, fault.effect]),
      [["parked", "toy", stream, "fetch"]],
    );
    assert.is(faults[0]?.error, error);
    const refusal = await rejection(host.tell(stream, ask("c2", 1)));
    assert.is(refusal.code, "actor-parked");
    assert.is(refusal.cause, error);
    assert.is(
      (await host.tell(group[1] as string, { id: "c3", type: "close" })).status,
      "recorded",
    );
    await host.close();
  }
});

test("a cancelled effect is dropped and comes back with the next restart", async () => {
  let count = 0;
  const { host, faults } = await openWorld({
    fetch: async (amount) => {
      if (++count === 1) throw new CancelledError("stop", "asked to stop");
      return { type: "add", amount };
    },
  });
  await host.tell(stream, ask("c1", 5));
  await host.idle();
  assert.is((await host.state(stream)).context.total, 0);
  host.forget([stream]);
  await host.start([stream]);
  await host.idle();
  assert.is((await host.state(stream)).context.total, 5);
  assert.equal(faults, []);
  await host.close();
});

test("a host that lost its lease finishes nothing", async () => {
  let release = (): void => {};
  const one = await openWorld({
    fetch: (amount) =>
      new Promise((resolve) => {
        release = () => resolve({ type: "add", amount });
      }),
  });
  await one.host.tell(stream, ask("c1", 5));
  await new Promise((resolve) => setTimeout(resolve, 5));
  const two = await openWorld({ fetch: never }, { ledger: one.ledger });
  await two.host.start([stream]);
  release();
  await one.host.idle();
  assert.equal(
    one.faults.map(({ kind }) => kind),
    ["lease-lost"],
  );
  assert.equal(await typesOf(one.ledger), ["counter.asked"]);
  await one.host.close();
});

test("a result for a forgotten instance does not take the lease back", async () => {
  const releases: (() => void)[] = [];
  const fetch = (amount: number) =>
    new Promise<{ type: "add"; amount: number }>((resolve) => {
      releases.push(() => resolve({ type: "add", amount }));
    });
  const one = await openWorld({ fetch });
  await one.host.tell(stream, ask("c1", 5));
  await new Promise((resolve) => setTimeout(resolve, 5));
  one.host.forget([stream]);
  const two = await openWorld({}, { ledger: one.ledger });
  await two.host.start([stream]);
  await two.host.idle();
  for (const release of releases) release();
  await one.host.idle();
  const outcome = await two.host.tell(stream, ask("c2", 7));
  assert.is(outcome.status, "recorded", "the second host still owns the stream");
  await two.host.idle();
  assert.is((await two.host.state(stream)).context.total, 12);
  assert.equal([...one.faults, ...two.faults], []);
  await one.host.close();
  await two.host.close();
});

test("an instance that is forgotten and used again asks anew for what still runs", async () => {
  const releases: (() => void)[] = [];
  const { host, ledger, faults } = await openWorld({
    fetch: (amount) =>
      new Promise((resolve) => {
        releases.push(() => resolve({ type: "add", amount }));
      }),
  });
  await host.tell(stream, ask("c1", 5));
  host.forget([stream]);
  await host.start([stream]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(releases.length, 2);
  for (const release of releases) release();
  await host.idle();
  assert.is((await host.state(stream)).context.total, 5);
  assert.equal(await typesOf(ledger), ["counter.asked", "counter.added"]);
  assert.equal(faults, []);
  await host.close();
});

test.run();
