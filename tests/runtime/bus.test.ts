import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AssertionError, RetryableError, TerminalError } from "../../events/index.ts";
import {
  type Bus,
  connectNats,
  MemoryBroker,
  startNatsServer,
  subjectMatches,
  subjectOf,
} from "../../runtime/index.ts";

interface World {
  connect(): Promise<Bus>;
  defects: Error[];
  end(): Promise<void>;
}

const address = { cluster: "test", run: "r1", actor: "echo" };
const subject = subjectOf(address, "ask");

async function temporary(): Promise<string> {
  return mkdtemp(join(tmpdir(), "varft-bus-"));
}

async function memoryWorld(): Promise<World> {
  const defects: Error[] = [];
  const broker = new MemoryBroker({ onDefect: (error) => defects.push(error) });
  const buses: Bus[] = [];
  const connect = async () => {
    const bus = broker.connect();
    buses.push(bus);
    return bus;
  };
  return {
    connect,
    defects,
    end: async () => void (await Promise.all(buses.map((b) => b.close()))),
  };
}

async function natsWorld(): Promise<World> {
  const directory = await temporary();
  const server = await startNatsServer({ directory });
  const defects: Error[] = [];
  const buses: Bus[] = [];
  const connect = async () => {
    const { url, token } = server;
    const bus = await connectNats({ url, token, onDefect: (error) => defects.push(error) });
    buses.push(bus);
    return bus;
  };
  const end = async () => {
    await Promise.all(buses.map((bus) => bus.close()));
    await server.stop();
    await rm(directory, { recursive: true });
  };
  return { connect, defects, end };
}

async function rejection(work: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await work;
  } catch (thrown) {
    return thrown as Error;
  }
  throw new Error("was expected to be rejected");
}

function serveUntilReleased(bus: Bus): () => void {
  const release = new AbortController();
  bus.serve(subject, () => once(release.signal, "abort"));
  return () => release.abort();
}

for (const [name, open] of [
  ["in-memory bus", memoryWorld],
  ["NATS bus", natsWorld],
] as const) {
  const test = suite<{ world: World; one: Bus; two: Bus }>(name);

  test.before(async (context) => {
    context.world = await open();
  });
  test.before.each(async (context) => {
    context.one = await context.world.connect();
    context.two = await context.world.connect();
  });
  test.after.each(async (context) => {
    await context.one.close();
    await context.two.close();
  });
  test.after((context) => context.world.end());

  test("a request is answered with data of every kind", async ({ one, two }) => {
    one.serve(subject, async (payload) => ({ seen: payload }));
    await one.flush();
    const payload = {
      text: "ä",
      bytes: Uint8Array.of(1, 2),
      ids: Int32Array.of(-1, 7),
      list: [null],
    };
    assert.equal(await two.request(subject, payload), { seen: payload });
    assert.equal(await two.request(subject, undefined), { seen: null });
  });

  test("an error of the handler arrives with its code, policy and message", async (context) => {
    const { one, two, world } = context;
    const errors = [
      new TerminalError("no-such-thing", "there is none", { facts: { place: 3 } }),
      new RetryableError("too-early", "wait"),
      new Error("a defect"),
      new AssertionError("a broken promise"),
    ];
    one.serve(subject, async (index) => {
      throw errors[index as number] as Error;
    });
    await one.flush();
    const terminal = await rejection(two.request(subject, 0));
    assert.instance(terminal, TerminalError);
    assert.is(terminal.code, "no-such-thing");
    assert.is(terminal.message, "there is none");
    assert.equal((terminal as TerminalError).facts, { place: 3 });
    assert.instance(await rejection(two.request(subject, 1)), RetryableError);
    assert.is((await rejection(two.request(subject, 2))).code, "internal");
    assert.is((await rejection(two.request(subject, 3))).code, "internal");
    assert.equal(
      world.defects.map((error) => error.message),
      ["a broken promise"],
      "a broken invariant is reported where it broke",
    );
  });

  test("nobody there is a retryable error after all attempts", async ({ one }) => {
    const error = await rejection(one.request(subject, null, { attemptsMax: 2 }));
    assert.is(error.code, "bus-unanswered");
    assert.instance(error, RetryableError);
  });

  test("a server that comes late is found by a repetition", async ({ one, two }) => {
    const asked = two.request(subject, 5);
    one.serve(subject, async (payload) => payload);
    assert.is(await asked, 5);
  });

  test("a repetition joins the work on its id", async ({ one, two }) => {
    const ids: string[] = [];
    const finish: (() => void)[] = [];
    one.serve(subject, async (_payload, { id }) => {
      ids.push(id);
      await new Promise<void>((resolve) => finish.push(resolve));
      return "done";
    });
    await one.flush();
    const once = { id: "the-id", timeoutMs: 50, attemptsMax: 1 };
    assert.is((await rejection(two.request(subject, null, once))).code, "bus-timeout");
    const again = two.request(subject, null, { id: "the-id" });
    // One connection keeps its order: when the next request was heard, the repetition was, too.
    const next = two.request(subject, null, { id: "next" });
    for (let turn = 0; turn < 200 && !ids.includes("next"); turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const resolve of finish) resolve();
    assert.equal(await Promise.all([again, next]), ["done", "done"]);
    assert.equal(ids, ["the-id", "next"]);
  });

  test("no answer in time is a retryable error", async ({ one, two }) => {
    const release = serveUntilReleased(one);
    await one.flush();
    const options = { timeoutMs: 50, attemptsMax: 1 };
    assert.is((await rejection(two.request(subject, null, options))).code, "bus-timeout");
    release();
  });

  test("an aborted request ends at once with the reason", async ({ one, two }) => {
    const release = serveUntilReleased(one);
    await one.flush();
    const stop = new AbortController();
    const asked = two.request(subject, null, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 20);
    assert.is((await rejection(asked)).message, "enough");
    release();
  });

  test("a server that stands still swallows nothing: another one answers", async (context) => {
    const { one, two } = context;
    const heard: string[] = [];
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    one.serve(subject, async () => {
      heard.push("one");
      await released;
      return "one";
    });
    two.serve(subject, async () => "two");
    await Promise.all([one.flush(), two.flush()]);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => one.request(subject, null, { attemptsMax: 1 })),
    );
    assert.equal(answers, Array(20).fill("two"));
    assert.is(heard.length, 20, "all servers hear");
    release();
  });

  test("hints reach all subscribers of a pattern, in order", async ({ one, two, world }) => {
    const heard: unknown[][] = [[], []];
    const pattern = subjectOf(address, "ask").replace(/ask$/, "*");
    for (const [index, bus] of [one, two].entries()) {
      bus.subscribe(pattern, (payload) => heard[index]?.push(payload));
    }
    await Promise.all([one.flush(), two.flush()]);
    const three = await world.connect();
    for (const number of [1, 2, 3]) three.publish(subject, number);
    await three.flush();
    for (let turn = 0; turn < 100 && heard.some((list) => list.length < 3); turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(heard, [
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  test("a payload above the limit is refused before it is sent", async ({ one }) => {
    const error = await rejection(one.request(subject, new Uint8Array(800 * 1024)));
    assert.is(error.code, "codec-oversize");
  });

  test("an answer above the limit is an error at the caller", async ({ one, two }) => {
    one.serve(subject, async () => new Uint8Array(800 * 1024));
    await one.flush();
    assert.is((await rejection(two.request(subject, null))).code, "codec-oversize");
  });

  test("closing lets answers out, then everything is cancelled", async ({ one, two }) => {
    one.serve(subject, async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return "last";
    });
    await one.flush();
    const asked = two.request(subject, null);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await one.close();
    assert.is(await asked, "last");
    assert.is(one.closed, true);
    assert.is((await rejection(one.request(subject, null))).code, "bus-closed");
    assert.throws(() => one.publish(subject, null), /closed/);
  });

  test("closing cancels the requests that wait", async ({ one, two }) => {
    const release = serveUntilReleased(one);
    await one.flush();
    const asked = two.request(subject, null);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const [error] = await Promise.all([rejection(asked), two.close()]);
    assert.is(error.code, "bus-closed");
    release();
  });

  test.run();
}

const subjects = suite("subjects");

subjects("are built from five safe parts", () => {
  assert.is(subject, "varft.test.r1.echo.ask");
  for (const run of ["", "a.b", "a b", "*", ">", "ä"]) {
    assert.throws(() => subjectOf({ ...address, run }, "ask"), /cannot be part of a subject/);
  }
});

subjects("match patterns as NATS does", () => {
  const matches = (pattern: string) => subjectMatches(pattern, "a.b.c");
  assert.equal(["a.b.c", "a.*.c", "a.>", ">", "*.*.*"].map(matches), Array(5).fill(true));
  assert.equal(["a.b", "a.b.c.d", "a.b.c.>", "*.*", "a.c.*"].map(matches), Array(5).fill(false));
});

subjects.run();
