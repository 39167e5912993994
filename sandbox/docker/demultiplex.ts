// Docker's framing of an attached stream without a terminal: one byte for the stream (0 standard
// input, 1 output, 2 error), three zero bytes, a big-endian u32 length, then that many bytes.
// The client library's own demultiplexer recurses per frame, concatenates per chunk and drops a
// truncated end; this one is a loop over chunks, pulled by its consumer.
import { RunnerLostError } from "../errors.ts";

const headerBytes = 8;

export interface DockerChunk {
  readonly stream: "stdout" | "stderr";
  /** A view into the received chunk; a frame larger than a chunk comes in several pieces. */
  readonly bytes: Uint8Array;
}

/**
 * Yields the payload in order, as it arrives and no faster than it is taken.
 * @throws RunnerLostError on a header that is none, and on an end inside a frame.
 */
export async function* demultiplex(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<DockerChunk, void> {
  const header = Buffer.alloc(headerBytes);
  let headerFilled = 0;
  let payloadLeft = 0;
  let stream: DockerChunk["stream"] = "stdout";
  for await (const chunk of source) {
    let position = 0;
    while (position < chunk.length) {
      if (payloadLeft > 0) {
        const bytes = chunk.subarray(position, position + payloadLeft);
        position += bytes.length;
        payloadLeft -= bytes.length;
        yield { stream, bytes };
        continue;
      }
      const part = chunk.subarray(position, position + headerBytes - headerFilled);
      header.set(part, headerFilled);
      headerFilled += part.length;
      position += part.length;
      if (headerFilled === headerBytes) {
        stream = streamOf(header);
        payloadLeft = header.readUInt32BE(4);
        headerFilled = 0;
      }
    }
  }
  if (payloadLeft > 0 || headerFilled > 0) {
    throw new RunnerLostError("the engine's stream ended inside a frame");
  }
}

function streamOf(header: Buffer): DockerChunk["stream"] {
  const kind = header[0];
  const padded = header[1] === 0 && header[2] === 0 && header[3] === 0;
  if (!padded || kind === undefined || kind > 2) {
    throw new RunnerLostError(`not a frame of the engine: ${header.toString("hex")}`);
  }
  return kind === 2 ? "stderr" : "stdout";
}
