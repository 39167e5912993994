// What a command is, and how its words are read. Usage texts are citty's; the reading is strict,
// because a flag that nobody reads is a wish that is silently not granted (I6).
import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { ensureError } from "../events/index.ts";
import { UsageError } from "./errors.ts";
import type { Terminal } from "./terminal.ts";

/** What every command gets. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly json: boolean;
  /** The folder of the run directories. */
  readonly runs: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The words after a command's name. */
export interface Words {
  /** A positional, or a flag with a value; undefined where it was not given. */
  text(name: string): string | undefined;
  /** The same, where it must have been given. */
  required(name: string): string;
  /** A flag that may be given again and again. */
  list(name: string): readonly string[];
  flag(name: string): boolean;
}

/** A command: what its usage text says, and what it does. Resolves to the exit code. */
export interface Command {
  readonly name: string;
  readonly about: string;
  readonly args: ArgsDef;
  /** Command lines that show it at work. */
  readonly examples?: readonly string[];
  run(words: Words, context: CommandContext): Promise<number>;
}

/** Commands that share a first word: `varft model inspect`. */
export interface CommandGroup {
  readonly name: string;
  readonly about: string;
  /** In the order of the overview. */
  readonly commands: CommandLoaders;
}

/** Commands by name, loaded when they are called: a short command starts fast. */
export type CommandLoaders = Readonly<Record<string, () => Promise<Command | CommandGroup>>>;

/** Flags that every command takes. */
export const globalArgs = {
  json: { type: "boolean", description: "One JSON document (JSON lines while running)" },
  runs: { type: "string", valueHint: "DIR", description: "Folder of the runs (default: runs)" },
} as const satisfies ArgsDef;

/**
 * Reads words by a definition's `args`. All flags with values may be repeated; who wants one takes
 * the last.
 * @throws {UsageError}
 */
export function readWords(name: string, args: ArgsDef, raw: readonly string[]): Words {
  const entries = Object.entries({ ...args, ...globalArgs } as ArgsDef);
  const flags = entries.filter(([, { type }]) => type !== "positional");
  const options = Object.fromEntries(
    flags.map(([flag, arg]) => {
      const { type } = arg;
      const short = "alias" in arg && typeof arg.alias === "string" ? { short: arg.alias } : {};
      return type === "boolean"
        ? [flag, { type: "boolean" as const, ...short }]
        : [flag, { type: "string" as const, multiple: true, ...short }];
    }),
  );
  const { values, positionals } = parseStrictly(name, raw, options);
  const places = entries.filter(([, { type }]) => type === "positional");
  if (positionals.length > places.length) {
    const extra = positionals[places.length];
    throw new UsageError(`varft ${name} takes no "${extra}"; see varft ${name} --help`);
  }
  const texts = new Map<string, readonly string[]>();
  for (const [index, [place, { required }]] of places.entries()) {
    const given = positionals[index];
    if (given !== undefined) texts.set(place, [given]);
    else if (required !== false) {
      throw new UsageError(`varft ${name} needs ${place.toUpperCase()}; see varft ${name} --help`);
    }
  }
  for (const [flag, value] of Object.entries(values)) {
    if (Array.isArray(value)) texts.set(flag, value as readonly string[]);
  }
  return wordsOf(name, texts, values);
}

function wordsOf(
  command: string,
  texts: ReadonlyMap<string, readonly string[]>,
  values: Readonly<Record<string, unknown>>,
): Words {
  const text = (name: string) => texts.get(name)?.at(-1);
  return {
    text,
    required(name) {
      const given = text(name);
      if (given !== undefined) return given;
      throw new UsageError(`varft ${command} needs --${name}; see varft ${command} --help`);
    },
    list: (name) => texts.get(name) ?? [],
    flag: (name) => values[name] === true,
  };
}

function parseStrictly(
  name: string,
  raw: readonly string[],
  options: Record<string, { type: "boolean" } | { type: "string"; multiple: true }>,
) {
  try {
    return parseArgs({ args: [...raw], options, allowPositionals: true, strict: true });
  } catch (cause) {
    const { message } = ensureError(cause);
    const words = (message.split(". ")[0] ?? message).replace(/\.$/, "");
    throw new UsageError(`varft ${name}: ${words}; see varft ${name} --help`, { cause });
  }
}
