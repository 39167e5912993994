// Which steps of a run a command is about, among its words: `--from`, `--to`, `--sample`.
import type { Words } from "../command.ts";
import { UsageError } from "../errors.ts";

/** Steps, both ends included; undefined: no such end. */
export interface StepRange {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** @throws {UsageError} */
export function stepRange(words: Words): StepRange {
  const { from, to } = { from: stepIn(words, "from"), to: stepIn(words, "to") };
  if (from === undefined || to === undefined || from <= to) return { from, to };
  throw new UsageError(`there is no step from ${from} to ${to}`);
}

function stepIn(words: Words, flag: string): number | undefined {
  const text = words.text(flag);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--${flag} wants a step, such as 12, not "${text}"`);
}

/** `--sample` as a share, above 0, at most 1: of `5%` and of `0.05`. @throws {UsageError} */
export function sampleShare(words: Words): number {
  const text = words.text("sample") ?? "100%";
  const [, digits = "", percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const share = Number(digits) / (percent === "%" ? 100 : 1);
  if (digits !== "" && share > 0 && share <= 1) return share;
  throw new UsageError(`--sample wants a share, such as 5%, not "${text}"`);
}
