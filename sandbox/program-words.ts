// What a program said, as far as a model may read it: equal whenever the execution is. Python's
// addresses (`<function f at 0x7f3a…>`) differ from process to process, and would make two equal
// trajectories different ones.
import type { ExecutionResult } from "./types.ts";

/** Its output or, where it failed, the last line of its error: that one names the fault. */
export function programWords({
  cause,
  stdout,
  stderr,
}: Pick<ExecutionResult, "stdout" | "stderr"> & { readonly cause: string }): string {
  if (cause === "ok") return clean(stdout);
  return clean(stderr).split("\n").at(-1)?.trim() ?? "";
}

const address = /\b0x[0-9a-fA-F]{4,}\b/g;
/** All but tab and line break. */
const control = /(?![\t\n])\p{Control}/gu;

function clean(text: string): string {
  return text.replace(address, "0x...").replace(control, "").trim();
}
