// What a request may not exceed, before any runner hears of it.
import { SandboxRequestError } from "../errors.ts";
import { type Limits, programBytesMax } from "../types.ts";

/** @throws SandboxRequestError */
export function checkRequest(program: Uint8Array, image: Uint8Array, limits: Limits): void {
  if (program.length > programBytesMax) {
    throw new SandboxRequestError(`a program of ${program.length} bytes, over ${programBytesMax}`);
  }
  if (image.length > limits.imageBytesMax) {
    throw new SandboxRequestError(
      `an input image of ${image.length} bytes, over imageBytesMax = ${limits.imageBytesMax}`,
    );
  }
}
