// Goal: whatever bytes a version of varft has written, this one reads them. Every event type and
// version has golden bytes; writing gives them to the bit, and reading gives today's event.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  currentEvent,
  currentVersion,
  decodeEnvelope,
  type EventType,
  encodeEnvelope,
  eventSchemas,
  parseEventData,
  upcasters,
} from "../../events/index.ts";
import { goldenNames, readGolden } from "./golden-files.ts";
import { goldenEvent, goldenSamples, placedSamples } from "./golden-samples.ts";

const test = suite("events: golden bytes");

const types = Object.keys(eventSchemas) as EventType[];
const samples = placedSamples();
const mend =
  "add a sample to tests/events/golden-samples.ts and run " +
  "node --import tsx tests/events/write-golden.ts";

/** The golden bytes of a sample. */
async function golden(name: string): Promise<Uint8Array> {
  const bytes = await readGolden(name);
  if (bytes === null) throw new Error(`${name} has no golden bytes: ${mend}`);
  return bytes;
}

test("every type and version has a sample, and every sample its bytes", async () => {
  for (const type of types) {
    const versions = Array.from({ length: currentVersion(type) }, (_, index) => index + 1);
    for (const v of versions) {
      assert.ok(goldenSamples[type]?.[v]?.length, `${type} version ${v} has no sample: ${mend}`);
    }
    assert.equal(Object.keys(goldenSamples[type]).map(Number), versions, type);
  }
  for (const { name } of samples) await golden(name);
  assert.equal(await goldenNames(), samples.map(({ name }) => name).sort());
});

test("every field that a type may have stands in a sample of its current version", () => {
  for (const type of types) {
    const current = goldenSamples[type]?.[currentVersion(type)] ?? [];
    const told = new Set(current.flatMap(({ data }) => Object.keys(data)));
    const forgotten = Object.keys(eventSchemas[type].shape).filter((key) => !told.has(key));
    assert.equal(forgotten, [], `${type} may have ${forgotten.join(", ")}: ${mend}`);
  }
});

test("upcasters lead from each version to the next without a gap", () => {
  for (const [type, steps] of Object.entries(upcasters)) {
    assert.ok(type in eventSchemas, `${type} is not in the vocabulary`);
    const versions = Object.keys(steps).map(Number);
    const gapless = versions.map((_, index) => index + 1);
    assert.equal(versions, gapless, type);
  }
});

test("an equal event is stored as the golden bytes", async () => {
  for (const { name, type, v, data } of samples) {
    const written = encodeEnvelope(goldenEvent(type, v, data));
    const reason =
      `${name}: an equal event has other bytes now. Ledgers hold the old ones: ` +
      "what has a new shape is a new version with an upcaster (docs/events.md)";
    assert.is(hex(written), hex(await golden(name)), reason);
  }
});

test("golden bytes are read as today's event, to the byte", async () => {
  for (const { name, type, v, data, today = data } of samples) {
    const read = currentEvent(decodeEnvelope(await golden(name)));
    const wanted = { ...goldenEvent(type, v, today), v: currentVersion(type) };
    assert.equal(read, wanted, name);
    // The order of keys, too: results are compared by the bytes of their data (I4).
    assert.is(hex(encodeEnvelope(read)), hex(encodeEnvelope(wanted)), name);
    assert.equal(parseEventData(type, read.data), read.data, name);
  }
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test.run();
