// The figures of an evaluation, from the judged outcomes alone.
import type { EvaluationSummary, Task } from "../../events/index.ts";

/** A task as it was played and judged. `em`, `f1` and `format` are 0–1. */
export interface PlayedTask {
  readonly task: Task;
  readonly em: number;
  readonly f1: number;
  readonly format: number;
  readonly calls: number;
  readonly pixelError: number | null;
}

/** A repair counts as right up to this mean absolute pixel difference, 0–255. */
export const pixelErrorRepairedMax = 8;

/** The summary; shares and scores in percent. */
export function summarize(
  played: readonly PlayedTask[],
  repairedMax: number = pixelErrorRepairedMax,
): EvaluationSummary {
  const kinds: Record<string, { n: number; em: number; f1: number }> = {};
  for (const kind of [...new Set(played.map(({ task }) => task.kind))].sort()) {
    const members = played.filter(({ task }) => task.kind === kind);
    kinds[kind] = { n: members.length, em: percent(members, "em"), f1: percent(members, "f1") };
  }
  const coding = played.filter(({ task }) => task.task === "coding");
  const degraded = coding.filter(({ task }) => isDegraded(task));
  const clean = coding.filter(({ task }) => isClean(task));
  const repaired = degraded.filter(
    ({ pixelError }) => pixelError !== null && pixelError <= repairedMax,
  );
  return {
    n: played.length,
    em: percent(played, "em"),
    f1: percent(played, "f1"),
    format: percent(played, "format"),
    kinds,
    repaired: share(repaired.length, degraded.length),
    needlessCalls: share(clean.filter(({ calls }) => calls > 0).length, clean.length),
  };
}

/** Nothing is to be repaired: the rows say so, or the right repair is the image itself. */
function isClean({ kind, image, reference }: Task): boolean {
  return kind === "none" || (reference !== null && reference === image);
}

/** The right repair is known, and another image. */
function isDegraded(task: Task): boolean {
  return task.reference !== null && !isClean(task);
}

function percent(played: readonly PlayedTask[], key: "em" | "f1" | "format"): number {
  const total = played.reduce((sum, item) => sum + item[key], 0);
  return played.length === 0 ? 0 : (100 * total) / played.length;
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : (100 * part) / whole;
}
