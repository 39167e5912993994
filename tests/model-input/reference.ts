// The tables that tests/reference/model_input.py writes, and its test picture.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { PatchGrid, RgbImage } from "../../model/input/index.ts";

interface Reference {
  /** height, width, factor, smallest and largest area, and the resized height and width. */
  readonly smartResizes: readonly (readonly [
    height: number,
    width: number,
    factor: number,
    pixelsMin: number,
    pixelsMax: number,
    resizedHeight: number,
    resizedWidth: number,
  ])[];
  readonly resizes: readonly (readonly [number, number, number, number, sha256: string])[];
  readonly preprocesses: readonly {
    readonly width: number;
    readonly height: number;
    readonly pixelsMin: number;
    readonly pixelsMax: number;
    readonly grid: PatchGrid;
    readonly shape: readonly [number, number];
    readonly sha256: string;
    /** The first five values of patch 1. */
    readonly head: readonly number[];
  }[];
  readonly decodes: readonly {
    readonly name: string;
    readonly base64: string;
    readonly width: number;
    readonly height: number;
    readonly sha256: string;
  }[];
  readonly ropes: readonly {
    readonly ids: readonly number[];
    readonly grids: readonly PatchGrid[];
    readonly positions: readonly number[];
    readonly next: number;
  }[];
  readonly layouts: readonly {
    readonly grids: readonly PatchGrid[];
    readonly positions: readonly number[];
    readonly windowIndex: readonly number[];
    readonly restoreIndex: readonly number[];
    readonly windowStarts: readonly number[];
    readonly frameStarts: readonly number[];
    readonly windowPositions: readonly number[];
  }[];
}

export const reference: Reference = JSON.parse(
  readFileSync(new URL("../fixtures/model-input.json", import.meta.url), "utf8"),
);

/** The bytes of the reference's linear congruential generator as a picture. */
export function picture(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  let state = 12345n;
  for (let index = 0; index < data.length; index++) {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    data[index] = Number((state >> 16n) & 255n);
  }
  return { width, height, data };
}

export function sha256(values: ArrayBufferView): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return createHash("sha256").update(bytes).digest("hex");
}
