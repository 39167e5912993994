// A terminal that keeps what is written.
import { createColors } from "picocolors";
import { runMain } from "../../cli/main.ts";
import type { Terminal } from "../../cli/terminal.ts";

export interface FakeTerminal extends Terminal {
  readonly written: () => string;
  readonly said: () => string;
}

export function fakeTerminal(isTty = false): FakeTerminal {
  let out = "";
  let err = "";
  return {
    isTty,
    columns: 100,
    colors: createColors(false),
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    flushed: async () => {},
    written: () => out,
    said: () => err,
  };
}

/** Runs a command line; its exit code and what it wrote. */
export function varft(...argv: readonly string[]) {
  return varftIn({ PATH: "/usr/bin" }, ...argv);
}

/** The same in an environment. */
export async function varftIn(
  env: Readonly<Record<string, string | undefined>>,
  ...argv: readonly string[]
) {
  const terminal = fakeTerminal();
  const { signal } = new AbortController();
  const code = await runMain(argv, { terminal, env, signal });
  return { code, out: terminal.written(), err: terminal.said() };
}
