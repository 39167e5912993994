import { suite } from "uvu";
import * as assert from "uvu/assert";
import { follow, type StoredEvent } from "../../storage/index.ts";
import { memoryKind, part, request, someEvents, withLedger } from "./harness.ts";

const test = suite("follow");

async function until(condition: () => boolean): Promise<void> {
  for (let wait = 0; wait < 400 && !condition(); wait++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(condition(), "it did not happen within two seconds");
}

const never = (_: number, signal: AbortSignal): Promise<void> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
  });

test("it catches up on start, over many pages, from where its owner says", () =>
  withLedger(memoryKind, async (ledger) => {
    await ledger.append(request("c1", part("run/a", { events: someEvents(2_500) })));
    const seen: number[] = [];
    const follower = follow(ledger, ({ global }) => void seen.push(global), {
      from: 11,
      sleep: never,
    });
    await until(() => seen.length === 2_490);
    assert.equal([seen[0], seen.at(-1), follower.cursor], [11, 2_500, 2_501]);
    await follower.close();
  }));

test("a hint brings what is new; a lost hint only delays it", () =>
  withLedger(memoryKind, async (ledger) => {
    const seen: string[] = [];
    const handle = ({ event }: StoredEvent): void => void seen.push(event.command);
    const hinted = follow(ledger, handle, { from: 1, sleep: never });
    await ledger.append(request("c1", part("run/a")));
    hinted.hint();
    hinted.hint();
    await until(() => seen.length === 1);
    await hinted.close();
    const periodic = follow(ledger, handle, { from: 2, intervalMs: 5 });
    await ledger.append(request("c2", part("run/a")));
    await until(() => seen.length === 2);
    await periodic.close();
    assert.equal(seen, ["c1", "c2"]);
  }));

test("a hint during a read is not lost", () =>
  withLedger(memoryKind, async (ledger) => {
    const seen: string[] = [];
    const reader = {
      async readAll(from: number) {
        const page = await ledger.readAll(from);
        // Stored after the page was read, hinted before the follower could rest.
        if (from === 1 && seen.length === 0 && page.length === 0) {
          await ledger.append(request("c1", part("run/a")));
          follower.hint();
        }
        return page;
      },
    };
    const follower = follow(reader, ({ event }) => void seen.push(event.command), {
      from: 1,
      sleep: never,
    });
    await until(() => seen.length === 1);
    await follower.close();
  }));

test("events are handled one at a time, and closing ends with the one at hand", () =>
  withLedger(memoryKind, async (ledger) => {
    await ledger.append(request("c1", part("run/a", { events: someEvents(10) })));
    let active = 0;
    let handled = 0;
    const follower = follow(
      ledger,
      async () => {
        assert.is(++active, 1);
        await new Promise((resolve) => setTimeout(resolve, 3));
        active--;
        handled++;
      },
      { from: 1 },
    );
    await until(() => handled >= 3);
    await follower.close();
    assert.ok(handled < 10);
    assert.is(follower.cursor, handled + 1);
    await follower.done;
  }));

test("what the handler throws ends the follower and is shown to its owner", () =>
  withLedger(memoryKind, async (ledger) => {
    await ledger.append(request("c1", part("run/a", { events: someEvents(3) })));
    const follower = follow(
      ledger,
      ({ global }) => {
        if (global === 2) throw new Error("broken");
      },
      { from: 1 },
    );
    let message = "";
    await follower.done.catch((error: unknown) => {
      message = `${error}`;
    });
    assert.is(message, "Error: broken");
    assert.is(follower.cursor, 2);
    await follower.close();
  }));

test.run();
