// The shape of an abusive program, and pieces that many of them share.
import type { ExecutionCause } from "../../../sandbox/index.ts";

/**
 * A program, how it must end, and what it must have said where that tells whether it got through.
 */
export interface Abuse {
  readonly what: string;
  readonly cause: ExecutionCause;
  /** How it may end as well, where two limits are reached at about the same time. */
  readonly orCause?: ExecutionCause;
  readonly program: string;
  readonly stdout?: string;
  /** True: it goes on until the clock ends it, whatever its cause is called. */
  readonly waits?: boolean;
  /** True: the kernel may take the runner instead of the program; the container is replaced. */
  readonly endsRunner?: boolean;
  /** The result's image in bytes at most: what was hidden in it is gone. */
  readonly imageBytesMax?: number;
}

/** Tries each statement and prints whether it was refused. */
export const attempts = (imports: string, ...statements: readonly string[]): string =>
  `import ${imports}
${statements.map((statement) => `try:\n    ${statement}\n    print("done")\nexcept OSError: print("refused")`).join("\n")}`;

export const refusals = (count: number): string => "refused\n".repeat(count);

/** Makes system calls by number; a kernel or filter that refuses answers -1. */
export const systemCalls = (
  calls: readonly (readonly [x64: number, arm64: number, rest: string])[],
): string => `import ctypes, os
libc, column = ctypes.CDLL(None), 0 if os.uname().machine == "x86_64" else 1
buffer = ctypes.create_string_buffer(4096)
print([libc.syscall((x64, arm64)[column], *rest) for x64, arm64, rest in (
${calls.map(([x64, arm64, rest]) => `    (${x64}, ${arm64}, (${rest},)),`).join("\n")}
)])`;

export const allRefused = (count: number): string => `[${Array(count).fill("-1").join(", ")}]\n`;
