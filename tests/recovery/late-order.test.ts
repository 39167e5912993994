// An order that comes once more when its step has long been over: nobody leaves what is played now.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PlayOrder } from "../../actors/protocol.ts";
import { type Bus, MemoryBroker } from "../../runtime/index.ts";
import { startTinyRun, tinyConfig } from "../actors/tiny-run.ts";

const test = suite("recovery/late-order");
const soonMs = 30_000;

test("a repetition of an earlier step's order changes nothing", async () => {
  const broker = new MemoryBroker();
  const orders: { readonly subject: string; readonly order: PlayOrder }[] = [];
  const connect = (): Bus => {
    const bus = broker.connect();
    const request = bus.request.bind(bus);
    return Object.assign(bus, {
      request: (...[subject, payload, options]: Parameters<Bus["request"]>) => {
        if (subject.endsWith(".play")) orders.push({ subject, order: payload as PlayOrder });
        return request(subject, payload, options);
      },
    });
  };
  const late = connect();
  let repeated: Promise<unknown> | null = null;
  const run = await startTinyRun({
    connect,
    config: tinyConfig({ steps: 2 }),
    onEvent({ type, stream }) {
      const first = orders.find(({ order }) => order.step === 1);
      if (type !== "turn.sampled" || !stream.includes("/2.") || first === undefined) return;
      repeated ??= late.request(first.subject, first.order);
    },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("the run hangs")), soonMs);
    });
    assert.is((await Promise.race([run.head.done, tooLate])).steps, 2);
    assert.ok(repeated !== null, "the order was repeated");
  } finally {
    clearTimeout(timer);
    await run.close();
  }
});

test.run();
