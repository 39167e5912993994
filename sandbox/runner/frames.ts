// The frames of `image/runner.py`: u32 (big-endian) header length, JSON header, then the bodies
// whose lengths the header names. What comes from a runner is checked like any outside input.
import { z } from "zod";
import { RunnerLostError } from "../errors.ts";
import { executionCauses, type Limits } from "../types.ts";

const headerBytesMax = 64 * 1024;
/** A reply's bodies together: two texts and an image, each bounded by the request's limits. */
const bodyBytesMax = 64 * 1024 * 1024;

const size = z.int().min(0).max(bodyBytesMax);

const helloSchema = z.object({
  hello: z.literal(1),
  python: z.string(),
  cv2: z.string(),
  numpy: z.string(),
});
const pongSchema = z.object({ pong: z.literal(1) });
const readySchema = z.object({ ready: z.literal(1) });
const replySchema = z.object({
  nonce: z.string(),
  cause: z.enum(executionCauses),
  signal: z.int(),
  exitCode: z.int(),
  stdout: size,
  stderr: size,
  stdoutBytes: z.int().min(0),
  stderrBytes: z.int().min(0),
  image: z.int().min(-1).max(bodyBytesMax),
  wallMs: z.number(),
  cpuMs: z.number(),
  memoryPeakBytes: z.number(),
});

export interface RunnerReply {
  readonly kind: "reply";
  readonly header: z.infer<typeof replySchema>;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly image: Buffer | null;
}
export type RunnerFrame =
  | { readonly kind: "hello"; readonly versions: z.infer<typeof helloSchema> }
  | { readonly kind: "ready" | "pong" }
  | RunnerReply;

/**
 * The request's frame in one piece: each write is a message of its own on the way to the runner.
 */
export function requestFrame(
  nonce: string,
  program: Uint8Array,
  image: Uint8Array,
  limits: Limits,
): Uint8Array {
  const lengths = { program: program.length, image: image.length };
  return frame({ nonce, ...lengths, limits }, program, image);
}

/** Asks for a sign of life. */
export function pingFrame(): Uint8Array {
  return frame({ ping: 1 });
}

function frame(fields: object, ...bodies: Uint8Array[]): Uint8Array {
  const header = Buffer.from(JSON.stringify(fields));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(header.length);
  return Buffer.concat([length, header, ...bodies]);
}

/** Cuts a runner's output into frames. Throws `RunnerLostError` on anything that is not a frame. */
export async function* readFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<RunnerFrame> {
  const reader = new ByteReader(source);
  for (;;) {
    const prefix = await reader.take(4, true);
    if (prefix === null) return;
    const length = prefix.readUInt32BE(0);
    if (length > headerBytesMax) throw new RunnerLostError(`a frame header of ${length} bytes`);
    yield await frameOf(parseHeader(await reader.takeAll(length)), reader);
  }
}

async function frameOf(header: unknown, reader: ByteReader): Promise<RunnerFrame> {
  const hello = helloSchema.safeParse(header);
  if (hello.success) return { kind: "hello", versions: hello.data };
  if (pongSchema.safeParse(header).success) return { kind: "pong" };
  if (readySchema.safeParse(header).success) return { kind: "ready" };
  const reply = replySchema.safeParse(header);
  if (!reply.success) throw new RunnerLostError("a frame of an unknown kind");
  const { stdout, stderr, image } = reply.data;
  return {
    kind: "reply",
    header: reply.data,
    stdout: await reader.takeAll(stdout),
    stderr: await reader.takeAll(stderr),
    image: image < 0 ? null : await reader.takeAll(image),
  };
}

function parseHeader(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new RunnerLostError("a frame header that is not JSON", { cause: error });
  }
}

/** Takes counted bytes from a stream of chunks, copying each byte once. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Null: the stream ended before the first byte, where `endAllowed`. */
  async take(length: number, endAllowed = false): Promise<Buffer | null> {
    const result = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      if (this.#chunk.length === 0) {
        const next = await this.#source.next();
        if (next.done === true) {
          if (filled === 0 && endAllowed) return null;
          throw new RunnerLostError("the runner's output ended inside a frame");
        }
        this.#chunk = next.value;
      }
      const part = this.#chunk.subarray(0, length - filled);
      result.set(part, filled);
      filled += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    return result;
  }

  async takeAll(length: number): Promise<Buffer> {
    return (await this.take(length)) ?? Buffer.alloc(0);
  }
}
