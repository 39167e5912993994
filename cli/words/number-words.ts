// Numbers among the words of a command.
import type { Words } from "../command.ts";
import { UsageError } from "../errors.ts";

interface Range {
  readonly min: number;
  readonly max: number;
}

/** The flag's whole number, or `otherwise`. @throws {UsageError} */
export function wholeNumber(words: Words, flag: string, otherwise: number, range: Range): number {
  const value = anyNumber(words, flag, otherwise, range);
  if (Number.isInteger(value)) return value;
  throw wrong(words, flag, `a whole number from ${range.min} to ${range.max}`);
}

/** The flag's number, or `otherwise`. @throws {UsageError} */
export function anyNumber(words: Words, flag: string, otherwise: number, range: Range): number {
  const text = words.text(flag);
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() !== "" && value >= range.min && value <= range.max) return value;
  throw wrong(words, flag, `a number from ${range.min} to ${range.max}`);
}

function wrong(words: Words, flag: string, wanted: string): UsageError {
  return new UsageError(`--${flag} is ${wanted}, not "${words.text(flag)}"`);
}
