// Goal: with a policy lag the run plays on while the learner learns, as far ahead as the lag says
// and no further, and the result is the one of a run that waits.
// Method: a learner that does not go on before the steps ahead of it were played, and a sampler
// that does not go on before everything before its step was learned.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { firstDifference } from "../../actors/index.ts";
import { Learning } from "../../actors/run/learning.ts";
import {
  type EventData,
  type EventEnvelope,
  type EventType,
  parseTrajectory,
} from "../../events/index.ts";
import { MemoryDisk } from "../../storage/index.ts";
import { startTinyRun, type TinyOptions, tinyConfig, tinyWorld, type World } from "./tiny-run.ts";
import { tinyOptimizer, tinySampler, tinyTrainer } from "./tiny-world.ts";

const test = suite("playing ahead");
const tick = () => new Promise((resolve) => setTimeout(resolve, 1));
/** A wait that takes longer is one for something that does not happen, in milliseconds. */
const waitMsMax = 20_000;

function laggingConfig(policyLag: number, steps = 5) {
  const { rollout, ...rest } = tinyConfig({ steps });
  return { ...rest, rollout: { ...rollout, policyLag } };
}

/** What is known of a run while it runs. */
class Seen {
  planned = 0;
  learned = 0;
  /** Trajectories that ended, by step. */
  readonly ended = new Map<number, number>();

  note({ type, data, stream }: EventEnvelope): void {
    if (type === "step.planned") this.planned = (data as EventData<"step.planned">).step;
    if (type === "policy.updated") this.learned = (data as EventData<"policy.updated">).step;
    const step = parseTrajectory(stream)?.step;
    if (type === "trajectory.ended" && typeof step === "number") {
      this.ended.set(step, (this.ended.get(step) ?? 0) + 1);
    }
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const end = performance.now() + waitMsMax;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`it never came: ${what}`);
      await tick();
    }
  }
}

/** A world whose learner waits in each step until the steps that the lag allows were played. */
function learnerThatWaits(seen: Seen, policyLag: number, steps: number): World {
  const all = 6 * 6;
  const trainer: typeof tinyTrainer = {
    ...tinyTrainer,
    async gradient(...given) {
      const ahead = Math.min(steps, seen.learned + 1 + policyLag);
      await seen.until(`step ${ahead} is played`, () => seen.ended.get(ahead) === all);
      return tinyTrainer.gradient(...given);
    },
  };
  return { ...tinyWorld(3), learner: async () => ({ trainer, optimizer: tinyOptimizer }) };
}

/** A sampler that plays a step only when the one before it is learned. */
function samplerThatWaits(seen: Seen): ReturnType<typeof tinySampler> {
  const sampler = tinySampler();
  return {
    ...sampler,
    async sample(...given) {
      await seen.until("the step before is learned", () => seen.learned >= seen.planned - 1);
      return sampler.sample(...given);
    },
  };
}

async function complete(options: TinyOptions, seen = new Seen()) {
  const run = await startTinyRun({ ...options, onEvent: (event) => seen.note(event) });
  try {
    await run.head.done;
    return { result: await run.result(), events: run.events };
  } finally {
    await run.close();
  }
}

const placeOf = (events: readonly EventEnvelope[], type: EventType, step: number) =>
  events.findIndex(
    (event) => event.type === type && (event.data as { step: number }).step === step,
  );

for (const policyLag of [1, 2, 3]) {
  test(`a lag of ${policyLag} plays so many steps ahead, and changes nothing`, async () => {
    const config = laggingConfig(policyLag);
    const [ahead, behind] = [new Seen(), new Seen()];
    const world = learnerThatWaits(ahead, policyLag, config.run.steps);
    const overlapping = await complete({ config, world }, ahead);
    const waiting = await complete({ config, samplers: [samplerThatWaits(behind)] }, behind);
    assert.is(firstDifference(overlapping.result, waiting.result), null);
    for (let step = 2; step <= config.run.steps; step++) {
      // It did overlap, and in the other run it did not.
      const [learned, planned] = ["policy.updated", "step.planned"] as const;
      const place = placeOf(overlapping.events, planned, step);
      assert.ok(place < placeOf(overlapping.events, learned, step - 1), `step ${step} is ahead`);
      // The policy that it is played with was there.
      const source = step - 1 - policyLag;
      if (source > 0) assert.ok(place > placeOf(overlapping.events, learned, source));
      const began = waiting.events.findIndex(
        ({ type, stream }) => type === "turn.sampled" && parseTrajectory(stream)?.step === step,
      );
      assert.ok(began > placeOf(waiting.events, learned, step - 1));
    }
  });
}

test("without a lag no step is planned before the one before it is learned", async () => {
  const { events } = await complete({ config: laggingConfig(0, 3) });
  for (const step of [2, 3]) {
    assert.ok(placeOf(events, "step.planned", step) > placeOf(events, "policy.updated", step - 1));
  }
});

test("a run that is stopped with steps ahead, anywhere, goes on to the same result", async () => {
  const config = laggingConfig(2);
  const { result: wanted } = await complete({ config });
  const trainer: typeof tinyTrainer = {
    ...tinyTrainer,
    async gradient(...given) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return tinyTrainer.gradient(...given);
    },
  };
  const world = { ...tinyWorld(3), learner: async () => ({ trainer, optimizer: tinyOptimizer }) };
  const disk = new MemoryDisk();
  const seen = new Seen();
  let aheadAtStop = 0;
  for (const limit of [150, 90, 400, 30, 250, 90]) {
    const onEvent = (event: EventEnvelope) => seen.note(event);
    const run = await startTinyRun({ config, disk, world, onEvent });
    await seen.until(`${limit} events`, () => run.events.length >= limit);
    aheadAtStop = Math.max(aheadAtStop, seen.planned - seen.learned);
    await run.close();
  }
  assert.ok(aheadAtStop > 1, `${aheadAtStop} steps were under way`);
  const { result } = await complete({ config, disk });
  assert.is(firstDifference(wanted, result), null);
});

test("a learner that fails ends the run while a step ahead is played", async () => {
  const config = laggingConfig(1);
  const trainer: typeof tinyTrainer = {
    ...tinyTrainer,
    async gradient() {
      throw new Error("the device is gone");
    },
  };
  const world = { ...tinyWorld(3), learner: async () => ({ trainer, optimizer: tinyOptimizer }) };
  const run = await startTinyRun({ config, world });
  await run.head.done.then(
    () => assert.unreachable("it cannot end well"),
    (thrown: Error) => assert.match(thrown.message, /the device is gone/),
  );
  await run.close();
});

test("steps are learned in order; what fails, fails those after it until begun anew", async () => {
  const learning = new Learning();
  const order: string[] = [];
  let finish = () => {};
  learning.add(1, async () => {
    order.push("1 begins");
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    order.push("1 ends");
  });
  learning.add(2, async () => {
    order.push("2");
    throw new Error("2 failed");
  });
  learning.add(3, async () => {
    order.push("3");
  });
  await tick();
  assert.equal(order, ["1 begins"]);
  assert.ok(learning.has(1) && learning.has(3));
  let isEnded = false;
  const forever = (ending: AbortSignal) =>
    new Promise<void>(() => {
      ending.addEventListener("abort", () => {
        isEnded = true;
      });
    });
  const beside = learning.beside(forever, new AbortController().signal);
  finish();
  await learning.until(1);
  const reason = async (work: Promise<unknown>) =>
    work.then(
      () => "none",
      (thrown: Error) => thrown.message,
    );
  assert.is(await reason(beside), "2 failed");
  assert.ok(isEnded, "the work beside it is ended");
  assert.is(await reason(learning.until(3)), "2 failed");
  assert.equal(order, ["1 begins", "1 ends", "2"]);
  await tick();
  learning.begin();
  assert.not.ok(learning.has(2));
  learning.add(2, async () => order.push("2 again"));
  await learning.until(2);
  assert.is(order.at(-1), "2 again");
});

test.run();
