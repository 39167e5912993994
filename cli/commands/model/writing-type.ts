// In which type a checkpoint is written: what merging and exporting share.
import type { Rewrite } from "../../../model/index.ts";
import type { Words } from "../../command.ts";
import { UsageError } from "../../errors.ts";

export const writingTypeArg = {
  dtype: {
    type: "string",
    valueHint: "TYPE",
    description: "base: as the checkpoint (default); f32: nothing is rounded",
  },
} as const;

/** What to know when float32 values were written in these types. */
export function roundingNote(types: readonly string[]): string {
  const narrow = types.filter((type) => type !== "F32");
  return narrow.length === 0
    ? ""
    : `Weights were rounded to ${narrow.join(" and ")}, as the base has them; --dtype f32 keeps every bit.\n`;
}

/** @throws {UsageError} */
export function writingType(words: Words): Rewrite["dtype"] {
  const text = words.text("dtype") ?? "base";
  if (text === "base") return "base";
  if (text === "f32") return "F32";
  throw new UsageError(`--dtype is base or f32, not "${text}"`);
}
