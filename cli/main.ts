// The command line: the only place that reads arguments, environment and terminal.
//
// 1. Every end has a code (`exit.ts`); what went wrong is told in one paragraph on standard error.
// 2. The first Ctrl-C asks for an orderly end, the second one ends at once. So does, without a
//    word, who reads standard output and leaves.
import { renderUsage } from "citty";
import { nearest } from "../config/index.ts";
import { assert } from "../events/index.ts";
import {
  type Command,
  type CommandContext,
  type CommandGroup,
  type CommandLoaders,
  globalArgs,
  readWords,
} from "./command.ts";
import { commandLoaders } from "./commands/index.ts";
import { InterruptedError, OutputClosedError, UsageError } from "./errors.ts";
import { describeError, exitCodeOf, exitCodes, stackOf } from "./exit.ts";
import { drained, processTerminal, type Terminal } from "./terminal.ts";
import { tableLines, withoutColors } from "./text/index.ts";
import { version } from "./version.ts";

const runsDefault = "runs";

/** Runs the process's command and ends the process. */
export async function main(): Promise<void> {
  const { env } = process;
  const terminal = processTerminal(env);
  const code = await runMain(process.argv.slice(2), {
    terminal,
    env,
    signal: interruption(terminal),
  });
  // Output to a pipe is asynchronous: an exit before it has drained would cut it off.
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  process.exit(code);
}

export interface MainOptions {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** The same without a process: resolves to the exit code. */
export async function runMain(argv: readonly string[], options: MainOptions): Promise<number> {
  const { terminal, env } = options;
  try {
    return await dispatch(argv, options);
  } catch (thrown) {
    if (thrown instanceof OutputClosedError) return exitCodeOf(thrown);
    terminal.err(`varft: ${describeError(thrown)}\n`);
    if (env["VARFT_DEBUG"]) terminal.err(`${stackOf(thrown)}\n`);
    return exitCodeOf(thrown);
  }
}

async function dispatch(argv: readonly string[], options: MainOptions): Promise<number> {
  const { terminal } = options;
  const place = commandPlace(argv);
  const name = argv[place];
  const help = argv.includes("--help") || argv.includes("-h") || name === "help";
  if (name === undefined || name === "help") return general(argv, help, terminal);
  const found = await loadCommand(commandLoaders, name, "");
  const rest = argv.toSpliced(place, 1);
  if (!("commands" in found)) return call(found, name, rest, help, options);
  const inner = commandPlace(rest);
  const verb = rest[inner];
  if (verb === undefined) return tell(await groupOverview(found, terminal), help, terminal);
  const command = await loadCommand(found.commands, verb, `${name} `);
  assert(!("commands" in command), "groups are one level deep");
  return call(command, `${name} ${verb}`, rest.toSpliced(inner, 1), help, options);
}

/** Runs a command, or tells how it is called. */
async function call(
  command: Command,
  name: string,
  argv: readonly string[],
  help: boolean,
  { terminal, env, signal }: MainOptions,
): Promise<number> {
  const args = { ...command.args, ...globalArgs };
  if (help) {
    const meta = { name, description: command.about };
    const usage = await renderUsage({ meta, args }, { meta: { name: "varft" } });
    terminal.out(`${terminal.colors.isColorSupported ? usage : withoutColors(usage)}\n`);
    const { examples = [] } = command;
    if (examples.length > 0) {
      const lines = examples.map((line) => `  ${line}\n`).join("");
      terminal.out(`${terminal.colors.bold("EXAMPLES")}\n\n${lines}\n`);
    }
    return exitCodes.done;
  }
  const words = readWords(name, args, argv);
  const context: CommandContext = {
    terminal,
    json: words.flag("json"),
    runs: words.text("runs") ?? runsDefault,
    signal,
    now: () => performance.now(),
    clock: () => Date.now(),
    env,
  };
  return command.run(words, context);
}

/** `varft`, `varft --help`, `varft --version`. */
async function general(
  argv: readonly string[],
  help: boolean,
  terminal: Terminal,
): Promise<number> {
  if (argv.includes("--version")) {
    terminal.out(`${await version()}\n`);
    return exitCodes.done;
  }
  return tell(await overview(terminal), help, terminal);
}

/** An overview that was asked for is a result; else it says that a command is missing. */
function tell(text: string, help: boolean, terminal: Terminal): number {
  if (help) terminal.out(text);
  else terminal.err(text);
  return help ? exitCodes.done : exitCodes.usage;
}

async function loadCommand(
  loaders: CommandLoaders,
  name: string,
  group: string,
): Promise<Command | CommandGroup> {
  const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined;
  if (load !== undefined) return load();
  const near = nearest(name, Object.keys(loaders));
  const mend = near === null ? `see varft ${group}--help` : `did you mean "${group}${near}"?`;
  throw new UsageError(`there is no command "${group}${name}"; ${mend}`);
}

/** Where the command stands: global flags may come before it. */
function commandPlace(argv: readonly string[]): number {
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (word === "--runs") index += 1;
    else if (!word.startsWith("-")) return index;
  }
  return argv.length;
}

function overview(terminal: Terminal): Promise<string> {
  const about = "varft trains vision-language agents with tools by reinforcement.";
  return overviewOf(about, "varft", commandLoaders, terminal);
}

function groupOverview(
  { name, about, commands }: CommandGroup,
  terminal: Terminal,
): Promise<string> {
  return overviewOf(`${about}.`, `varft ${name}`, commands, terminal);
}

async function overviewOf(
  about: string,
  words: string,
  loaders: CommandLoaders,
  { colors }: Terminal,
): Promise<string> {
  const commands = await Promise.all(Object.values(loaders).map((load) => load()));
  const rows = commands.map((command) => [`  ${command.name}`, command.about]);
  return [
    about,
    "",
    `${colors.bold("Usage")}  ${words} <command> [--json] [--runs DIR]`,
    "",
    ...tableLines(["", ""], rows).slice(1),
    "",
    `${words} <command> --help says more about a command.`,
    "",
  ].join("\n");
}

/** npm and the terminal both pass Ctrl-C on: signals so close together are one, in milliseconds. */
const sameSignalMs = 700;

function interruption(terminal: Terminal): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      const nowMs = performance.now();
      if (controller.signal.aborted) {
        if (nowMs - firstMs > sameSignalMs) process.exit(exitCodes.interrupted);
        return;
      }
      firstMs = nowMs;
      const what = name === "SIGINT" ? "Ctrl-C" : name;
      terminal.err(`\n${what}: stopping in order; once more ends at once.\n`);
      controller.abort(new InterruptedError(name));
    });
  }
  // Each later write fails likewise.
  process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EPIPE") throw cause;
    controller.abort(new OutputClosedError({ cause }));
  });
  return controller.signal;
}
