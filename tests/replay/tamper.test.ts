// Goal: one changed fact in a ledger whose chain is whole is found at its event, with the reason.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type EventEnvelope, type EventType, hashName } from "../../events/index.ts";
import { type MemoryDisk, openMemoryLedger } from "../../storage/index.ts";
import { type Change, eventsOf, placeOf, rewrite } from "./rewrite.ts";
import { playTiny, type Readable, replayTiny, type TinyReplay, withDisk } from "./tiny-replay.ts";

const test = suite("replay of a changed ledger");

let undisturbed: Promise<MemoryDisk> | null = null;
const finished = () => {
  undisturbed ??= playTiny();
  return undisturbed;
};

/** Replays the finished run with one fact changed. */
async function tampered(change: Change, options: TinyReplay = {}) {
  return withDisk(await finished(), async (source) => {
    const events = await eventsOf(source);
    const ledger = await openMemoryLedger({ clock: () => 0 });
    await rewrite(events, ledger, change);
    const reader: Readable = {
      head: () => ledger.head(),
      readAll: (from) => ledger.readAll(from),
      readRows: (from) => ledger.readRows(from),
      readStream: (...args) => ledger.readStream(...args),
      blobs: source.blobs,
    };
    const verdict = await replayTiny(reader, options);
    await ledger.close();
    return { verdict, place: placeOf(events, change), events };
  });
}

function change<T extends EventType>(type: T, seen: number, data: Change<T>["data"]): Change {
  // The type of an event tells the type of its data; a list of changes cannot say that.
  return { type, seen, data: data as unknown as Change["data"] };
}

const nudged = (values: Float32Array, by: number) =>
  values.map((value, index) => (index === 0 ? value + by : value));
const other = hashName(Buffer.from("another"));

const facts: readonly (readonly [what: string, change: Change, reason: RegExp])[] = [
  [
    "a reward",
    change("reward.assigned", 20, (data) => ({ ...data, reward: data.reward + 0.25 })),
    /reward.assigned: reward is recorded as .* and comes out as/,
  ],
  [
    "a component of a reward",
    change("reward.assigned", 21, (data) => ({ ...data, f1: 0.75 })),
    /f1 is recorded as 0.75 and comes out as/,
  ],
  [
    "who is judged",
    change("reward.assigned", 22, (data) => ({ ...data, trajectory: "trajectory/tiny/1.0.0" })),
    /is judged where it is the turn of|in no plan/,
  ],
  [
    "an advantage",
    change("batch.assembled", 2, (data) => ({ ...data, advantages: nudged(data.advantages, 1) })),
    /advantages\[0\] is recorded as/,
  ],
  [
    "the order of a minibatch",
    change("batch.assembled", 2, (data) => ({
      ...data,
      minibatches: data.minibatches.map((members) => members.toReversed()),
    })),
    /minibatches\[0\]\[0\] is recorded as/,
  ],
  [
    "a dropped group",
    change("batch.assembled", 3, (data) => ({
      ...data,
      droppedGroups: [...data.droppedGroups, 7],
    })),
    /droppedGroups is recorded as \d entries and comes out as \d entries/,
  ],
  [
    "what the first batch starts from",
    change("batch.assembled", 1, (data) => ({ ...data, optimizer: other })),
    /optimizer is recorded as/,
  ],
  [
    "a policy's hash",
    change("policy.updated", 2, (data) => ({ ...data, policyAfter: other })),
    /policyAfter is recorded as .* and comes out as "sha256:/,
  ],
  [
    "an optimizer's hash",
    change("policy.updated", 2, (data) => ({ ...data, optimizerAfter: other })),
    /optimizerAfter is recorded as .* and comes out as "sha256:/,
  ],
  [
    "a gradient's name",
    change("gradient.computed", 3, (data) => ({ ...data, gradient: other })),
    /is not stored/,
  ],
  [
    "a gradient's norm",
    change("gradient.computed", 3, (data) => ({ ...data, gradientNorm: 1 })),
    /gradientNorm is recorded as 1 and comes out as/,
  ],
  [
    "a learning rate",
    change("gradient.computed", 3, (data) => ({ ...data, learningRate: 1 })),
    /learningRate is recorded as 1 and comes out as/,
  ],
  [
    "the tokens of a minibatch",
    change("gradient.computed", 3, (data) => ({ ...data, tokens: data.tokens + 1 })),
    /it must be minibatch 0 of step 2 with \d+ tokens/,
  ],
  [
    "a plan's temperature",
    change("step.planned", 2, (data) => ({
      ...data,
      sampling: { ...data.sampling, temperature: 0.5 },
    })),
    /sampling.temperature is recorded as 0.5 and comes out as 1/,
  ],
  [
    "a plan's tasks",
    change("step.planned", 2, (data) => ({ ...data, tasks: data.tasks.toReversed() })),
    /tasks\[0\].id is recorded as/,
  ],
  [
    "a plan's policy",
    change("step.planned", 2, (data) => ({ ...data, policy: other })),
    /step.planned: policy is recorded as/,
  ],
  [
    "an evaluation's score",
    change("evaluation.completed", 1, (data) => ({
      ...data,
      summary: { ...data.summary, em: 99 },
    })),
    /summary.em is recorded as 99 and comes out as/,
  ],
  [
    "the policy of a turn",
    change("turn.sampled", 30, (data) => ({ ...data, policy: other })),
    /policy mismatch/,
  ],
  [
    "what a tool was given",
    change("tool.called", 9, (data) => ({ ...data, image: other })),
    /tool.called: image is recorded as/,
  ],
  [
    "the end of a trajectory",
    change("trajectory.ended", 9, (data) => ({ ...data, turns: data.turns + 1 })),
    /trajectory.ended: turns is recorded as/,
  ],
  [
    "the number of a turn",
    change("turn.sampled", 30, (data) => ({ ...data, turn: 3 })),
    /does not accept turn.sampled/,
  ],
];

for (const [what, changed, reason] of facts) {
  test(`${what} that was changed is found at its event`, async () => {
    const { verdict, place } = await tampered(changed);
    assert.is(verdict.ok, false);
    assert.match(verdict.differences.map((one) => one.reason).join("\n"), reason);
    const found = verdict.differences.find((one) => reason.test(one.reason));
    assert.is(found?.seq, place, `${found?.reason}`);
    assert.is(verdict.differsAt?.seq, place, `${verdict.differsAt?.reason}`);
  });
}

const computed: readonly (readonly [what: string, change: Change, reason: RegExp])[] = [
  [
    "a token",
    change("turn.sampled", 40, (data) => ({
      ...data,
      ids: data.ids.map((id, index) => (index === 0 ? (id + 1) % 11 : id)),
    })),
    /the turn sampled again: ids\[0\] is recorded as|turn.sampled|is .*, decided is/,
  ],
  [
    "a log-prob",
    change("turn.sampled", 40, (data) => ({ ...data, logProbs: nudged(data.logProbs, 1e-6) })),
    /the turn sampled again: logProbs\[0\] is recorded as/,
  ],
  [
    "a token of the prompt",
    change("trajectory.started", 40, (data) => ({ ...data, ids: Int32Array.of(10) })),
    /trajectory.started: ids\[0\] is recorded as 10/,
  ],
  [
    "a figure of a gradient",
    change("gradient.computed", 4, (data) => ({ ...data, klOld: data.klOld + 1e-9 })),
    /klOld is recorded as/,
  ],
  [
    "what a tool said",
    change("tool.returned", 12, (data) => ({ ...data, text: "nothing" })),
    /the tool called again: text is recorded as "nothing"/,
  ],
];

for (const [what, changed, reason] of computed) {
  test(`${what} that was changed is found where it is computed again`, async () => {
    const { verdict, place } = await tampered(changed, { recompute: true });
    assert.is(verdict.differsAt?.seq, place, verdict.differsAt?.reason);
    assert.match(verdict.differences.map((one) => one.reason).join("\n"), reason);
  });
}

test("on another numeric class a forged log-prob is beyond the tolerance, a rounded one is not", async () => {
  const nudge = (by: number) =>
    change("turn.sampled", 40, (data) => ({ ...data, logProbs: nudged(data.logProbs, by) }));
  const options = { recompute: true, exact: false };
  const { verdict: near } = await tampered(nudge(1e-5), options);
  assert.equal(near.differences, []);
  assert.is(near.comparisons.tokens?.near, 1);
  const { verdict: far, place } = await tampered(nudge(0.01), options);
  assert.is(far.differsAt?.seq, place);
});

test("a byte of a gradient: its norm or the policy that follows gives it away", async () => {
  await withDisk(await finished(), async (source) => {
    const events = await eventsOf(source);
    const at = placeOf(events, { type: "gradient.computed", seen: 3 });
    const { data } = events[at - 1] as EventEnvelope<{ gradient: `sha256:${string}` }>;
    const bytes = Uint8Array.from((await source.blobs.get(data.gradient)) ?? []);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 0x01;
    const blobs = {
      has: (name: `sha256:${string}`) => source.blobs.has(name),
      get: async (name: `sha256:${string}`) =>
        name === data.gradient ? bytes : source.blobs.get(name),
    };
    const verdict = await replayTiny({ ...readerOf(source), blobs });
    assert.is(verdict.ok, false);
    const { seq = 0, reason } = verdict.differsAt ?? {};
    const updated = placeOf(events, { type: "policy.updated", seen: 2 });
    assert.ok(seq === at || seq === updated, `${seq}: ${reason}`);
  });
});

const readerOf = (source: Readable): Readable => ({
  head: () => source.head(),
  readAll: (from) => source.readAll(from),
  readRows: (from) => source.readRows(from),
  readStream: (...args) => source.readStream(...args),
  blobs: source.blobs,
});

test("data of another shape are found at their event, whatever they are", async () => {
  for (const type of ["evaluation.started", "trajectory.started", "reward.assigned"] as const) {
    for (const key of ["tasks", "images", "components"]) {
      const broken = change(type, 2, (data) => ({ ...data, [key]: "nonsense" }));
      const { verdict, place } = await tampered(broken, { recompute: true });
      assert.is(verdict.differsAt?.seq, place, `${type} ${key}`);
      assert.match(verdict.differsAt?.reason ?? "", "does not fit its schema");
    }
  }
});

test("what nobody planned is found", async () => {
  await withDisk(await finished(), async (source) => {
    const events = await eventsOf(source);
    const ledger = await openMemoryLedger({ clock: () => 0 });
    await rewrite(events, ledger);
    const first = events.find(({ type }) => type === "trajectory.started");
    const stray = { type: "trajectory.started", v: 1, data: first?.data };
    const parts = [{ stream: "trajectory/tiny/9.0.0", expected: null, epoch: 0, events: [stray] }];
    await ledger.append({ command: "stray", by: "test", trace: null, blobs: [], parts });
    const verdict = await replayTiny({ ...readerOf(ledger), blobs: source.blobs });
    assert.is(verdict.differsAt?.seq, events.length + 1);
    assert.match(verdict.differsAt?.reason ?? "", "is in no plan");
    await ledger.close();
  });
});

test.run();
