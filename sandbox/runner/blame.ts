// Whose doing it is that a call was lost: the program's, or its host's.
//
// 1. One loss says nothing. Two of one kind under one call do, where the kind is one that a program
//    can bring about: its container ran out of memory, or its runner fell silent.
// 2. A silence counts only where nothing else was lost meanwhile; and the second one only in a
//    container that had served no other program, and answered right before.
// 3. A container that was killed, an engine that is gone, a stream that broke: never the program's.
import { VarftError } from "../../events/index.ts";
import { RunnerSilentError, RunnerStarvedError } from "../errors.ts";
import type { ExecutionCause } from "../types.ts";

const lossesMax = 2;

/** What the program of a call with these losses ended in; null where they do not say. */
export function causeOf(losses: readonly Error[]): ExecutionCause | null {
  const count = (kind: typeof RunnerStarvedError) =>
    losses.filter((loss) => loss instanceof kind).length;
  if (count(RunnerStarvedError) >= lossesMax) return "out-of-memory";
  return count(RunnerSilentError) >= lossesMax ? "timeout" : null;
}

/** Whether a program can bring this loss about. */
export function isOfProgram(error: unknown): boolean {
  return error instanceof RunnerStarvedError || error instanceof RunnerSilentError;
}

/** The loss that another attempt may mend; anything else is thrown on. */
export function mended(error: unknown): Error {
  if (error instanceof VarftError && error.policy === "retryable") return error;
  throw error;
}
