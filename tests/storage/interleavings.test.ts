// Random interleavings against a model: whatever is sent, and however often, every stream is one
// sequence, every command is stored once, and stale writers leave no trace.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type EventEnvelope, leaseOf } from "../../events/index.ts";
import { type AppendRequest, type Ledger, verifyChain } from "../../storage/index.ts";
import { codeOf, type Kind, kinds, part, request, someEvents } from "./harness.ts";

const streamNames = ["run/r", "trajectory/r/0.1.0", "trajectory/r/0.1.1", "judge/r"];
const leaseNames = [...new Set(streamNames.map(leaseOf))];

interface Send {
  readonly kind: "send";
  readonly command: string;
  readonly streams: readonly string[];
  readonly count: number;
  /** How far the writer's knowledge lags: of the sequence, and of the epoch. */
  readonly sequenceLag: number | null;
  readonly epochLag: number;
}
type Action =
  | Send
  | { readonly kind: "lease"; readonly name: string }
  | { readonly kind: "reopen" };

const send: fc.Arbitrary<Action> = fc.record({
  kind: fc.constant("send" as const),
  command: fc.integer({ min: 0, max: 12 }).map((n) => `c${n}`),
  streams: fc.subarray(streamNames, { minLength: 1, maxLength: 3 }),
  count: fc.integer({ min: 1, max: 3 }),
  sequenceLag: fc.option(fc.constantFrom(0, 0, 0, 1), { nil: null }),
  epochLag: fc.constantFrom(0, 0, 0, 1),
});
const actions = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: send },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("lease" as const),
        name: fc.constantFrom(...leaseNames),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Action>({ kind: "reopen" }) },
  ),
  { maxLength: 40 },
);

/** What a ledger must hold: sequence numbers, epochs, and what each command stored in a stream. */
class Model {
  readonly lastSeqs = new Map<string, number>();
  readonly epochs = new Map<string, number>();
  readonly commands = new Map<string, number>();

  requestOf(action: Send): AppendRequest {
    const parts = action.streams.map((stream) => {
      const last = this.lastSeqs.get(stream) ?? 0;
      const expected = action.sequenceLag === null ? null : last - action.sequenceLag;
      const epoch = (this.epochs.get(leaseOf(stream)) ?? 0) - action.epochLag;
      return part(stream, { expected, epoch, events: someEvents(action.count, action.command) });
    });
    return request(action.command, ...parts);
  }

  /** The code that the ledger must answer with; null: it stores or knows. */
  apply(action: Send): string | null {
    const known = action.streams.filter((stream) =>
      this.commands.has(`${stream} ${action.command}`),
    );
    if (known.length === action.streams.length) return null;
    if (known.length > 0) return "ledger-invalid-request";
    if (action.epochLag !== 0) return "ledger-stale-epoch";
    if ((action.sequenceLag ?? 0) !== 0) return "ledger-stale-sequence";
    for (const stream of action.streams) {
      this.lastSeqs.set(stream, (this.lastSeqs.get(stream) ?? 0) + action.count);
      this.commands.set(`${stream} ${action.command}`, action.count);
    }
    return null;
  }
}

async function play(kind: Kind, script: readonly Action[]): Promise<void> {
  const place = await kind.make();
  let ledger = await place.open();
  try {
    const model = new Model();
    let waiting: Promise<void>[] = [];
    for (const action of script) {
      if (action.kind === "send") {
        const sent = ledger.append(model.requestOf(action));
        const expected = model.apply(action);
        waiting.push(codeOf(sent).then((code) => assert.is(code, expected)));
      } else if (action.kind === "lease") {
        const epoch = (model.epochs.get(action.name) ?? 0) + 1;
        model.epochs.set(action.name, epoch);
        const lease = ledger.acquireLease(action.name, "x");
        waiting.push(lease.then((given) => assert.is(given.epoch, epoch)));
      } else {
        await Promise.all(waiting);
        waiting = [];
        await ledger.close();
        ledger = await place.open();
      }
    }
    await Promise.all(waiting);
    await checkAgainst(model, ledger);
  } finally {
    await ledger.close();
    await place.remove();
  }
}

async function checkAgainst(model: Model, ledger: Ledger): Promise<void> {
  const all: EventEnvelope[] = (await ledger.readAll(1)).map((stored) => stored.event);
  const perCommand = new Map<string, number>();
  for (const event of all) {
    const key = `${event.stream} ${event.command}`;
    perCommand.set(key, (perCommand.get(key) ?? 0) + 1);
  }
  assert.equal(new Map([...perCommand].sort()), new Map([...model.commands].sort()));
  for (const stream of streamNames) {
    const events = await ledger.readStream(stream);
    assert.is(events.length, model.lastSeqs.get(stream) ?? 0);
    assert.equal(
      events,
      all.filter((event) => event.stream === stream),
    );
    for (const [index, event] of events.entries()) assert.is(event.seq, index + 1);
  }
  assert.is((await verifyChain(ledger)).reason, null);
}

for (const kind of kinds) {
  const test = suite(`interleavings, ${kind.name}`);
  test("every history is one that the model allows", () =>
    fc.assert(
      fc.asyncProperty(actions, (script) => play(kind, script)),
      { numRuns: kind.name === "memory" ? 300 : 40 },
    ));
  test.run();
}
