import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CodecError,
  decodeEnvelope,
  type EventEnvelope,
  effectCommandId,
  encode,
  encodeEnvelope,
  eventId,
  isName,
  leaseOf,
  parseTrajectory,
  sha256Hex,
  streams,
} from "../../events/index.ts";

const test = suite("envelope");

const event: EventEnvelope = {
  id: eventId("run/r1", "c1", 0),
  stream: "run/r1",
  seq: 1,
  type: "run.started",
  v: 1,
  time: 1_700_000_000_000,
  cause: null,
  command: "c1",
  trace: null,
  epoch: 3,
  by: "run",
  data: { seed: 7 },
};

test("an event comes back as it was, key by key", () => {
  const back = decodeEnvelope(encodeEnvelope(event));
  assert.equal(back, event);
  assert.equal(Object.keys(back), Object.keys(event));
});

test("the stored bytes of an event stay as they have always been", () => {
  assert.is(
    sha256Hex(encodeEnvelope(event)),
    "29372b7da594a683d0caf6482be2a5e76f62a5453f784c9241f24f957770d490",
  );
});

test("a missing, extra, misplaced or mistyped key is refused", () => {
  const { data, ...rest } = event;
  const broken: readonly unknown[] = [
    rest,
    { ...event, extra: 1 },
    { data, ...rest },
    { ...event, seq: "1" },
    { ...event, seq: -1 },
    { ...event, time: 1.5 },
    { ...event, cause: 7 },
    [event],
    null,
  ];
  for (const value of broken) {
    assert.throws(
      () => decodeEnvelope(encode(value)),
      (error: unknown) => error instanceof CodecError && error.code === "codec-malformed",
    );
  }
});

test("whole numbers of every width and texts of every length come back", () => {
  const whole = fc.maxSafeNat();
  const text = fc.string({ maxLength: 300, unit: "grapheme" });
  const frame = fc.record({ seq: whole, time: whole, epoch: whole, stream: text, type: text });
  const property = fc.property(frame, fc.option(text), (fields, cause) => {
    const whole = { ...event, ...fields, cause };
    assert.equal(decodeEnvelope(encodeEnvelope(whole)), whole);
  });
  fc.assert(property);
});

test("bytes that are cut off or changed end in an event or in an error of the codec", () => {
  const bytes = encodeEnvelope(event);
  const readable = (some: Uint8Array): void => {
    try {
      assert.equal(Object.keys(decodeEnvelope(some)), Object.keys(event));
    } catch (thrown) {
      if (!(thrown instanceof CodecError)) throw thrown;
    }
  };
  for (let end = 0; end < bytes.length; end++) {
    assert.throws(
      () => decodeEnvelope(bytes.subarray(0, end)),
      (error: unknown) => error instanceof CodecError,
    );
  }
  for (let at = 0; at < bytes.length; at++) {
    for (let value = 0; value < 256; value++) readable(bytes.with(at, value));
  }
});

test("a number of an envelope may be wider than it need be, but no float", () => {
  const bytes = encodeEnvelope(event);
  const at = Buffer.from(bytes).indexOf("seq") + "seq".length;
  assert.is(bytes[at], 1);
  const wide = Uint8Array.of(...bytes.subarray(0, at), 0xcc, 1, ...bytes.subarray(at + 1));
  const inFloat = Buffer.alloc(9, 0xcb);
  inFloat.writeDoubleBE(1, 1);
  const asFloat = Uint8Array.of(...bytes.subarray(0, at), ...inFloat, ...bytes.subarray(at + 1));
  assert.is(decodeEnvelope(wide).seq, 1);
  assert.throws(() => decodeEnvelope(asFloat), /its envelope is not written as one is/);
});

test("a trajectory is covered by the lease of its group, other streams by their own", () => {
  const stream = streams.trajectory("r1", 4, 2, 7);
  assert.is(stream, "trajectory/r1/4.2.7");
  assert.is(leaseOf(stream), "group/r1/4.2");
  assert.is(leaseOf(streams.trajectory("r1", "e3", 2, 7)), "group/r1/e3.2");
  assert.is(leaseOf(streams.learner("r1")), "learner/r1");
  assert.is(leaseOf(streams.evaluation("r1", 3)), "evaluation/r1/3");
  assert.equal(parseTrajectory(stream), { run: "r1", step: 4, group: 2, sample: 7 });
  assert.equal(parseTrajectory("trajectory/r1/e3.0.1"), {
    run: "r1",
    step: "e3",
    group: 0,
    sample: 1,
  });
  assert.is(parseTrajectory("trajectory/r1/4.2"), null);
  assert.is(parseTrajectory("run/r1"), null);
});

test("ids are functions of all their parts, with clear borders", () => {
  assert.is(eventId("run/r1", "c1", 0), sha256Hex("run/r1\nc1\n0"));
  assert.is(effectCommandId("aa", "sample"), sha256Hex("aa\nsample"));
  assert.is.not(eventId("run/r1", "c1", 11), eventId("run/r1", "c11", 1));
  assert.throws(() => eventId("run/r1\nc", "1", 0), /lines/);
});

test("names are short and plain", () => {
  for (const name of ["run/r1", "trajectory/r1/e3.2.1", "a:b@c", sha256Hex("x")]) {
    assert.ok(isName(name), name);
  }
  for (const name of ["", "/x", "a b", "a\nb", "ä", "a".repeat(257), "a\0"]) {
    assert.not.ok(isName(name), name);
  }
});

test.run();
