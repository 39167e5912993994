// Goal: what an evaluation records beside a trained trajectory (its mode, a server's text without
// token ids) survives the codec, and nothing that is not in the vocabulary does.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  decode,
  EventSchemaError,
  encode,
  event,
  hashName,
  parseEventData,
} from "../../events/index.ts";

const test = suite("events/modes");
const policy = hashName(Buffer.from("policy"));
const sampling = { temperature: 1, greedy: true, tools: true };

const started = (more: object) => ({
  policy,
  task: "a",
  sampling,
  ids: Int32Array.of(0x11_00_00, 65, 0x1_f6_00),
  images: [],
  ...more,
});
const turn = { turn: 0, policy, ids: Int32Array.of(65), entropy: 0, finish: "stop" as const };

test("the mode and the code points of a trajectory come back as they were", () => {
  const data = started({ sampling: { ...sampling, mode: "rag" }, units: "code-points" });
  const written = event("trajectory.started", parseEventData("trajectory.started", data));
  assert.equal(parseEventData("trajectory.started", decode(encode(written.data))), written.data);
});

test("a turn without log-probs says so", () => {
  const data = { ...turn, logProbs: new Float32Array(0), unscored: true as const };
  const written = event("turn.sampled", data);
  assert.equal(parseEventData("turn.sampled", decode(encode(written.data))), written.data);
});

test("what was recorded before these fields were there is read as it was", () => {
  const before = parseEventData("trajectory.started", started({}));
  assert.not("units" in before);
  assert.not("mode" in before.sampling);
});

test("another mode, another unit is refused", () => {
  for (const data of [
    started({ units: "words" }),
    started({ sampling: { ...sampling, mode: "x" } }),
  ]) {
    assert.throws(
      () => parseEventData("trajectory.started", data),
      (thrown: unknown) => thrown instanceof EventSchemaError,
    );
  }
});

test.run();
