// How a process ends, and what it says when that is not well.
import { AssertionError, ensureError, VarftError } from "../events/index.ts";

/** The exit codes. Scripts rely on them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  verification: 3,
  interrupted: 130,
} as const;

const usageCodes = new Set(["usage", "config", "keep-rule"]);
/** What was recorded and what it comes to differ. */
const evidenceCode = "evidence";

/** The exit code that stands for `thrown`. */
export function exitCodeOf(thrown: unknown): number {
  if (!(thrown instanceof VarftError)) return exitCodes.failed;
  if (thrown.policy === "cancelled") return exitCodes.interrupted;
  if (thrown.code === evidenceCode) return exitCodes.verification;
  return usageCodes.has(thrown.code) ? exitCodes.usage : exitCodes.failed;
}

/** One paragraph for people: what happened, where, and the mend. */
export function describeError(thrown: unknown): string {
  const error = ensureError(thrown);
  if (error instanceof VarftError) return error.message;
  const code = "code" in error ? String(error.code) : "";
  const mend = systemMends[code];
  if (mend !== undefined) return `${error.message}: ${mend}`;
  const what = error instanceof AssertionError ? "a broken promise of its own" : "a fault";
  return `met ${what}: ${error.message}. VARFT_DEBUG=1 shows where it happened.`;
}

const systemMends: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; free some space, then go on with `varft train --resume RUN`",
  EDQUOT: "the disk quota is used up; free some space, then go on with `varft train --resume RUN`",
  EACCES: "this user may not do that; check the owner and the rights of the path",
  EROFS: "the file system is read-only; name another folder with --runs",
  EADDRINUSE: "something else listens there; stop it or choose another port",
  EMFILE: "too many open files; raise the limit (ulimit -n)",
};

/** The stack of an error and of its causes. */
export function stackOf(thrown: unknown): string {
  const stacks: string[] = [];
  for (let error: unknown = thrown; error !== undefined; ) {
    const one = ensureError(error);
    stacks.push(one.stack ?? one.message);
    error = one.cause;
  }
  return stacks.join("\ncaused by: ");
}
