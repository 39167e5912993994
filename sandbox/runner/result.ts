// From a runner's reply to the result that events record: texts cut with a mark, the output image
// bounded before it is decoded and re-encoded, so that equal pixels are equal bytes.
import sharp from "sharp";
import { encodePng } from "../../events/index.ts";
import {
  aspectRatioMax,
  type ExecutionCause,
  type ExecutionResult,
  type IsolationLevel,
  type Limits,
} from "../types.ts";
import type { RunnerReply } from "./frames.ts";

const cutMark = "\n[output truncated]";

export async function resultOf(
  reply: RunnerReply,
  limits: Limits,
  seen: Pick<ExecutionResult["observed"], "container" | "level" | "attempts">,
): Promise<ExecutionResult> {
  const { header } = reply;
  const checked = await checkImage(header.cause, reply.image, limits);
  return {
    cause: checked.cause,
    stdout: textOf(reply.stdout, header.stdoutBytes),
    stderr: textOf(reply.stderr, header.stderrBytes),
    image: checked.image,
    observed: {
      exitCode: header.exitCode < 0 ? null : header.exitCode,
      wallMs: header.wallMs,
      cpuMs: header.cpuMs,
      memoryPeakBytes: header.memoryPeakBytes,
      ...seen,
    },
  };
}

/** The program took its runner along, or kept it from answering: nothing else is known. */
export function unansweredResult(
  cause: ExecutionCause,
  level: IsolationLevel,
  attempts: number,
): ExecutionResult {
  const unknown = { exitCode: null, wallMs: 0, cpuMs: 0, memoryPeakBytes: 0, container: "" };
  const observed = { ...unknown, level, attempts };
  return { cause, stdout: "", stderr: "", image: null, observed };
}

function textOf(kept: Buffer, totalBytes: number): string {
  const text = kept.toString("utf8");
  return totalBytes > kept.length ? text + cutMark : text;
}

interface Checked {
  readonly cause: ExecutionCause;
  readonly image: Uint8Array | null;
}

async function checkImage(
  cause: ExecutionCause,
  bytes: Buffer | null,
  limits: Limits,
): Promise<Checked> {
  if (cause !== "ok" || bytes === null) return { cause, image: null };
  if (!isPngOrJpeg(bytes)) return { cause: "bad-image", image: null };
  try {
    // The decoder reads the header first: a decompression bomb stops there.
    const { data, info } = await sharp(bytes, {
      limitInputPixels: limits.imagePixelsMax,
      failOn: "error",
      pages: 1,
    })
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (isTooNarrow(info)) return { cause: "bad-image", image: null };
    return { cause: "ok", image: await encodePng(data, info) };
  } catch {
    const tooLarge = await isBeyond(bytes, limits.imagePixelsMax);
    return { cause: tooLarge ? "output-too-large" : "bad-image", image: null };
  }
}

/**
 * No policy of this family can be shown it, so that it is the program's fault and not the run's.
 */
function isTooNarrow({ width, height }: { width: number; height: number }): boolean {
  return Math.max(width, height) > aspectRatioMax * Math.min(width, height);
}

/** Why decoding failed, from the header alone. */
async function isBeyond(bytes: Buffer, pixelsMax: number): Promise<boolean> {
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return width * height > pixelsMax;
  } catch {
    return false;
  }
}

/** What cv2 writes under a name in .jpg or .png; no other decoder is offered hostile bytes. */
function isPngOrJpeg(bytes: Buffer): boolean {
  const png = bytes.subarray(0, 8).equals(Buffer.from("89504e470d0a1a0a", "hex"));
  return png || (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff);
}
