// What the host promises about commands.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { setup } from "xstate";
import { effectCommandId, RetryableError, streams } from "../../events/index.ts";
import { ActorHost, defineActor, type Outcome } from "../../runtime/index.ts";
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

const test = suite("actor host: commands");

test("a command is recorded, folded, and its effect's result recorded under the effect's id", async () => {
  const { host, ledger } = await openWorld();
  const outcome = await host.tell(stream, ask("c1", 5));
  assert.is(outcome.status, "recorded");
  await host.idle();
  assert.is((await host.state(stream)).context.total, 5);
  const [asked, added] = await ledger.readStream(stream);
  assert.is(asked?.command, "c1");
  assert.is(asked?.epoch, 1);
  assert.is(added?.command, effectCommandId(asked?.id ?? "", "fetch"));
  assert.is(added?.cause, asked?.id);
  await host.close();
});

test("the same command twice is one fact, and answers with what was recorded", async () => {
  const { host, ledger } = await openWorld();
  const [first, second] = await Promise.all([1, 2].map(() => host.tell(stream, ask("c1", 5))));
  assert.is(first?.status, "recorded");
  assert.is(second?.status, "duplicate");
  assert.equal(eventsOf(first as Outcome), eventsOf(second as Outcome));
  await host.idle();
  assert.equal(await typesOf(ledger), ["counter.asked", "counter.added"]);
  await host.close();
});

test("a rejected command leaves no trace", async () => {
  const { host, ledger } = await openWorld();
  await host.tell(stream, { id: "c1", type: "close" });
  const outcome = await host.tell(stream, ask("c2", 5));
  assert.equal(outcome, { status: "rejected", reason: "the counter is closed" });
  assert.equal(await typesOf(ledger), ["counter.added", "counter.closed"]);
  await host.close();
});

test("closing waits for what is under way, also of an instance that was dropped meanwhile", async () => {
  let ended = 0;
  const { host, ledger } = await openWorld(
    {},
    {
      wrap: (inner) => ({
        append: async (request) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          const events = await inner.append(request);
          ended += 1;
          return events;
        },
        readStream: (...asked) => inner.readStream(...asked),
        acquireLease: (...asked) => inner.acquireLease(...asked),
      }),
    },
  );
  const told = host.tell(stream, ask("c1", 5)).catch((thrown: Error) => thrown);
  await new Promise((resolve) => setTimeout(resolve, 5));
  host.forget([stream]);
  // A host that looked for its end again and again would let nothing else in this process happen.
  await host.close();
  assert.is(ended, 1);
  await told;
  assert.equal(await typesOf(ledger), ["counter.asked"]);
});

test("an event that the machine does not accept never reaches the ledger", async () => {
  const { ledger } = await openWorld();
  const machine = setup({}).createMachine({
    id: "narrow",
    initial: "one",
    states: { one: { on: { "thing.known": "two" } }, two: {} },
  });
  const actor = defineActor({
    type: "narrow",
    machine,
    decide: ({ type }) => ({ events: [{ type, v: 1, data: null }] }),
    effects: {},
  });
  const host = new ActorHost({ actor, ledger, holder: "h", onFault: () => {} });
  const error = await rejection(host.tell(stream, { id: "c1", type: "thing.unknown" }));
  assert.match(error.message, /does not accept in state "one"/);
  assert.is((await host.tell(stream, { id: "c2", type: "thing.known" })).status, "recorded");
  assert.match(
    (await rejection(host.tell(stream, { id: "c3", type: "thing.known" }))).message,
    /does not accept in state "two"/,
  );
  assert.equal(await typesOf(ledger), ["thing.known"]);
  await host.close();
});

test("a group of commands is one append, and a batched effect one call and one append", async () => {
  const appends: number[] = [];
  const calls: number[][] = [];
  const world = await openWorld(
    {
      appraise: async (batch) => {
        calls.push(batch.map(({ params }) => params.amount));
        return batch.map(({ params }) => ({ type: "add", amount: params.amount }));
      },
    },
    {
      wrap: (ledger) => ({
        append: (request) => {
          appends.push(request.parts.length);
          return ledger.append(request);
        },
        readStream: (name) => ledger.readStream(name),
        acquireLease: (name, holder) => ledger.acquireLease(name, holder),
      }),
    },
  );
  const { host, ledger } = world;
  const commands = group.map((name, index) => ({
    stream: name,
    command: ask(`c${index}`, 100 + index),
  }));
  const outcomes = await host.tellAll(commands);
  assert.equal(
    outcomes.map(({ status }) => status),
    ["recorded", "recorded", "recorded"],
  );
  await host.idle();
  assert.equal(appends, [3, 3]);
  assert.equal(calls, [[100, 101, 102]]);
  for (const [index, name] of group.entries()) {
    const [asked, added] = await ledger.readStream(name);
    assert.is(asked?.command, `c${index}`);
    assert.is(added?.command, effectCommandId(asked?.id ?? "", "appraise"));
  }
  const again = await host.tellAll(commands);
  assert.equal(
    again.map((outcome) => [outcome.status, eventsOf(outcome).length]),
    Array(3).fill(["duplicate", 1]),
  );
  assert.equal(appends, [3, 3]);
  await host.close();
});

test("a group append that the ledger refuses leaves no part behind", async () => {
  let broken = true;
  const { host, ledger } = await openWorld(
    {},
    {
      wrap: (inner) => ({
        append: (request) => {
          const [first, ...others] = request.parts;
          const bad = first && broken ? [{ ...first, expected: 99 }, ...others] : request.parts;
          return inner.append({ ...request, parts: bad });
        },
        readStream: (name) => inner.readStream(name),
        acquireLease: (name, holder) => inner.acquireLease(name, holder),
      }),
    },
  );
  const commands = group.map((name, index) => ({ stream: name, command: ask(`c${index}`, 1) }));
  assert.is((await rejection(host.tellAll(commands))).code, "ledger-stale-sequence");
  for (const name of group) assert.equal(await typesOf(ledger, name), []);
  broken = false;
  await host.tellAll(commands);
  for (const name of group) assert.equal((await typesOf(ledger, name)).length > 0, true);
  await host.close();
});

test("commands of one group must be under one lease", async () => {
  const { host } = await openWorld();
  const other = streams.trajectory("r", 0, 1, 0);
  const error = await rejection(
    Promise.resolve().then(() =>
      host.tellAll([stream, other].map((name) => ({ stream: name, command: ask("c", 1) }))),
    ),
  );
  assert.match(error.message, /not under the lease/);
  await host.close();
});

test("a full mailbox refuses with a retryable error", async () => {
  const { host } = await openWorld();
  const told = Array.from({ length: 5 }, (_, index) =>
    host.tell(stream, ask(`c${index}`, 1)).then(
      ({ status }) => status,
      (error: RetryableError) => error.code,
    ),
  );
  const results = await Promise.all(told);
  assert.equal(results, [...Array(4).fill("recorded"), "mailbox-full"]);
  await host.close();
});

test("another writer's events are folded and the command decided again", async () => {
  const { host, ledger } = await openWorld({ fetch: never });
  await host.tell(stream, ask("c1", 1));
  const lease = await ledger.lease("group/r/0.0");
  await ledger.append({
    command: "elsewhere",
    by: "test",
    trace: null,
    blobs: [],
    parts: [
      {
        stream,
        expected: 1,
        epoch: lease?.epoch ?? 0,
        events: [{ type: "counter.added", v: 1, data: { amount: 40 } }],
      },
    ],
  });
  assert.is((await host.tell(stream, { id: "c2", type: "add", amount: 2 })).status, "recorded");
  assert.is((await host.state(stream)).context.total, 42);
  host.forget([stream]);
});

test("an append that gets no answer is repeated and recorded once", async () => {
  let lost = 3;
  const { host, ledger } = await openWorld(
    {},
    {
      wrap: (inner) => ({
        append: async (request) => {
          const events = await inner.append(request);
          if (lost-- > 0) throw new RetryableError("bus-timeout", "no answer");
          return events;
        },
        readStream: (name) => inner.readStream(name),
        acquireLease: (name, holder) => inner.acquireLease(name, holder),
      }),
    },
  );
  await host.tell(stream, ask("c1", 5));
  await host.idle();
  assert.equal(await typesOf(ledger), ["counter.asked", "counter.added"]);
  await host.close();
});

test("closing tells effects to stop and refuses what comes after", async () => {
  const { host } = await openWorld({
    fetch: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  });
  await host.tell(stream, ask("c1", 5));
  await host.close();
  assert.is((await rejection(host.tell(stream, ask("c2", 1)))).code, "host-closed");
});

test.run();
