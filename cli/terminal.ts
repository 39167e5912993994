// The terminal as the commands see it, so that they can be tested without one.
import { createColors } from "picocolors";

export type Colors = ReturnType<typeof createColors>;

/** Where a command writes. Results go to `out`, what is said meanwhile goes to `err`. */
export interface Terminal {
  /** A person looks at standard output. */
  readonly isTty: boolean;
  /** Columns; a fixed number where nobody looks. */
  readonly columns: number;
  readonly colors: Colors;
  out(text: string): void;
  err(text: string): void;
  /** Resolves once what was written to `out` is read or nobody reads it: a pipe waits in memory. */
  flushed(): Promise<void>;
}

/** Characters that steer a terminal, which is not for text from a model or a file to do. */
const steering = /[^\P{Cc}\n\t]/gu;

/** The text with these made visible. */
export function withoutSteering(text: string): string {
  return text.replace(steering, "\ufffd");
}

const columnsDefault = 100;

/** The process's own terminal. */
export function processTerminal(env: Readonly<Record<string, string | undefined>>): Terminal {
  const isTty = process.stdout.isTTY === true && env["TERM"] !== "dumb";
  const colored = env["FORCE_COLOR"] !== undefined || (isTty && env["NO_COLOR"] === undefined);
  return {
    isTty,
    get columns() {
      return isTty ? process.stdout.columns : columnsDefault;
    },
    colors: createColors(colored),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    flushed: () => drained(process.stdout),
  };
}

/** Resolves once all that was written has gone out, or never will. */
export function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
