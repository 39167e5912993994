// Bundles in words.
import type { BundleProgress, UnpackedBundle } from "../../storage/index.ts";
import type { StageProgress } from "../live/index.ts";
import { withoutSteering } from "../terminal.ts";
import { byteSize, shortHash, thousands } from "../text/index.ts";

/** How far the making of a bundle is. */
export function bundledWords({ stage, done, total }: StageProgress): string {
  const isEvents = (stage as BundleProgress["stage"]) === "events";
  return isEvents
    ? `${thousands(done)} of ${thousands(total)} events`
    : `${byteSize(done)} of ${byteSize(total)} of blobs`;
}

/** How far the reading of a bundle is. */
export function unpackedWords({ done, total }: StageProgress): string {
  return `${byteSize(done)} of ${byteSize(total)}`;
}

const states: Readonly<Record<UnpackedBundle["manifest"]["state"], string>> = {
  completed: "completed",
  stopped: "stopped before its end",
  running: "taken at a checkpoint while the run went on",
};

/** What a bundle says of itself. */
export function manifestLines(
  { manifest, totals, omitted, adapter }: UnpackedBundle,
  fileBytes: number,
): string[] {
  const { run, state, numericClass, base, madeBy } = manifest;
  const { code, onnxruntime, device, sandbox } = numericClass;
  const left =
    omitted.length === 0 ? [] : [`left out   ${thousands(omitted.length)} blobs: ${reasons()}`];
  return [
    `${run}  ${states[state]}; ${byteSize(fileBytes)}, content ${shortHash(totals.content)}`,
    `played by  code ${code}, onnxruntime ${onnxruntime}, ${device}, sandbox ${shortHash(sandbox)}`,
    `began with ${base}`,
    `made by    varft ${madeBy.varft}, code ${madeBy.code}, packages ${shortHash(madeBy.lockFile)}`,
    ...left,
    ...(adapter.length === 0 ? [] : [`adapter    ${adapter.length} files, ${adapterSize()}`]),
  ].map(withoutSteering);

  function adapterSize(): string {
    return byteSize(adapter.reduce((sum, { bytes }) => sum + bytes, 0));
  }

  function reasons(): string {
    return [...new Set(omitted.map(({ reason }) => reason))].slice(0, 3).join("; ");
  }
}
