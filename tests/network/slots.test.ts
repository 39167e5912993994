// Goal: works share a bound and come in order; work is repeated after what passes and nothing else.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RetryableError, TerminalError } from "../../events/index.ts";
import { repeat, Slots } from "../../network/index.ts";

const test = suite("network: slots and repetition");

class Busy extends RetryableError {
  readonly waitMs: number | null;

  constructor(waitMs: number | null) {
    super("busy", "it is busy");
    this.waitMs = waitMs;
  }
}

class Gone extends TerminalError {
  constructor() {
    super("gone", "it is gone");
  }
}

test("no more works than places are under way, and they begin in order", async () => {
  const slots = new Slots(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  let most = 0;
  let active = 0;
  const works = [0, 1, 2, 3, 4].map((number) =>
    slots.use(async () => {
      begun.push(number);
      active += 1;
      most = Math.max(most, active);
      await new Promise<void>((resolve) => ends.push(resolve));
      active -= 1;
    }),
  );
  while (begun.length < works.length || ends.length > 0) {
    ends.shift()?.();
    await new Promise(setImmediate);
  }
  await Promise.all(works);
  assert.is(most, 2);
  assert.equal(begun, [0, 1, 2, 3, 4]);
});

test("a work that fails gives its place back", async () => {
  const slots = new Slots(1);
  await slots.use(() => Promise.reject(new Gone())).catch(() => {});
  assert.is(await slots.use(async () => "next"), "next");
});

function failing(errors: readonly Error[]) {
  const left = [...errors];
  let calls = 0;
  const work = async () => {
    calls += 1;
    const error = left.shift();
    if (error !== undefined) throw error;
    return "done";
  };
  return { work, calls: () => calls };
}

const options = { name: ["test"], attemptsMax: 3, signal: new AbortController().signal };

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.unreachable("it fails"),
    (error: unknown) => error,
  );
}

test("what passes is tried again, as often as is allowed", async () => {
  const twice = failing([new Busy(0), new Busy(0)]);
  assert.is(await repeat(twice.work, options), "done");
  assert.is(twice.calls(), 3);
  const always = failing([new Busy(0), new Busy(0), new Busy(0), new Busy(0)]);
  assert.instance(await errorOf(repeat(always.work, options)), Busy);
  assert.is(always.calls(), 3);
});

test("what does not pass is told at once", async () => {
  const gone = failing([new Gone()]);
  assert.instance(await errorOf(repeat(gone.work, options)), Gone);
  assert.is(gone.calls(), 1);
});

test("an end while it waits ends it", async () => {
  const control = new AbortController();
  const busy = failing([new Busy(30_000)]);
  const asked = repeat(busy.work, { ...options, signal: control.signal });
  await new Promise(setImmediate);
  control.abort();
  await errorOf(asked);
  assert.is(busy.calls(), 1);
});

test.run();
