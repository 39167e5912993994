import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { demultiplex } from "../../sandbox/docker/index.ts";

const test = suite("demultiplex: the engine's stream framing");

function frame(kind: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = kind;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function collect(source: AsyncIterable<Uint8Array>) {
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const { stream, bytes } of demultiplex(source)) parts[stream].push(bytes);
  return { stdout: Buffer.concat(parts.stdout), stderr: Buffer.concat(parts.stderr) };
}

test("however frames are cut into chunks, each stream's bytes come whole and in order", async () => {
  const frames = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 }), fc.uint8Array()), {
    maxLength: 20,
  });
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
  const property = fc.asyncProperty(frames, sizes, async (list, cuts) => {
    const bytes = Buffer.concat(list.map(([kind, payload]) => frame(kind, payload)));
    const got = await collect(chunksOf(bytes, cuts));
    const expected = (kind: number) =>
      Buffer.concat(list.filter(([k]) => k === kind).map(([, payload]) => payload));
    assert.equal(got.stdout, expected(1));
    assert.equal(got.stderr, expected(2));
  });
  await fc.assert(property, { seed: 7, numRuns: 200 });
});

test("a hundred thousand frames in one chunk, and one frame in many, take no stack and no time", async () => {
  const tiny = Buffer.concat(Array.from({ length: 100_000 }, () => frame(1, Buffer.from("a"))));
  assert.is((await collect(chunksOf(tiny, [tiny.length]))).stdout.length, 100_000);
  const large = frame(2, Buffer.alloc(32 * 1024 * 1024));
  assert.is((await collect(chunksOf(large, [65_536]))).stderr.length, 32 * 1024 * 1024);
});

test("the source is read no faster than the payload is taken", async () => {
  let produced = 0;
  async function* source() {
    for (; produced < 100; produced += 1) yield frame(1, Buffer.from("abc"));
  }
  const taken = demultiplex(source());
  await taken.next();
  assert.ok(produced <= 1);
  await taken.return();
});

test("a truncated frame and a header that is none are errors", async () => {
  const whole = frame(1, Buffer.from("hello"));
  const raw = Buffer.from("no frame at all");
  for (const bytes of [whole.subarray(0, 10), whole.subarray(0, 5), raw, frame(3, raw)]) {
    const thrown = await collect(chunksOf(bytes, [4])).catch((error) => error);
    assert.is(thrown.code, "sandbox/runner-lost");
  }
});

test.run();
