// `varft logs RUN`: what happened in a run, event by event, also while it goes on.
//
// 1. What is told is what is durable, in the order of the ledger, each event once.
// 2. A page of events at a time is held, however long the ledger is.
import { setImmediate, setTimeout } from "node:timers/promises";
import {
  follow,
  type LedgerReader,
  pageRowsMax,
  type StoredEvent,
} from "../../../storage/index.ts";
import type { Command, CommandContext, Words } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { exitCodes } from "../../exit.ts";
import { withRun } from "../../run/index.ts";
import { eventJson, eventLines } from "./event-line.ts";
import { type Selection, selectionOf } from "./selection.ts";

export const logs: Command = {
  name: "logs",
  about: "What happened in a run, event by event",
  args: {
    run: { type: "positional", description: "The run" },
    follow: { type: "boolean", alias: "f", description: "Go on with what comes, until Ctrl-C" },
    type: {
      type: "string",
      valueHint: "TYPE",
      description: "Only these, such as tool or tool.called (may be repeated)",
    },
    stream: {
      type: "string",
      valueHint: "NAME",
      description: "Only these, such as actor or trajectory/12.3 (may be repeated)",
    },
    from: { type: "string", valueHint: "N", description: "Begin with event N of the ledger" },
    last: { type: "string", valueHint: "N", description: "Begin with the last N of those" },
  },
  examples: [
    "varft logs quickstart-20261122-150312 --follow --last 20",
    "varft logs quickstart-20261122-150312 --stream actor",
    "varft logs quickstart-20261122-150312 --type trajectory.ended --json",
  ],
  async run(words, context) {
    const selected = selectionOf(words);
    const beginning = beginningOf(words);
    return withRun(context.runs, words.required("run"), async (reader, run) => {
      const { size } = await reader.head();
      const takes = (stored: StoredEvent) => selected(stored.event, run);
      const from =
        beginning.last === undefined
          ? beginning.from
          : await lastOf(reader, size, beginning.last, takes, context.signal);
      const tell = teller(run, selected, context);
      let told = 0;
      for await (const page of pagesOf(reader, from, size, context.signal)) {
        told += page.filter(tell).length;
        await context.terminal.flushed();
      }
      if (words.flag("follow")) return follows(reader, Math.max(from, size + 1), tell, context);
      if (told === 0) context.terminal.err(`No event of ${run} is among what was asked for.\n`);
      return exitCodes.done;
    });
  },
};

interface Beginning {
  readonly from: number;
  /** Instead: so many of those that are there. */
  readonly last: number | undefined;
}

function beginningOf(words: Words): Beginning {
  const { from, last } = { from: numberIn(words, "from"), last: numberIn(words, "last") };
  if (from === undefined || last === undefined) return { from: Math.max(1, from ?? 1), last };
  throw new UsageError("--from and --last both say where to begin: give one of them");
}

function numberIn(words: Words, flag: string): number | undefined {
  const text = words.text(flag);
  if (text === undefined) return undefined;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new UsageError(`--${flag} wants a number of events, such as 20, not "${text}"`);
}

/** Tells an event; answers whether it was asked for. */
type Tell = (stored: StoredEvent) => boolean;

function teller(run: string, selected: Selection, { terminal, json }: CommandContext): Tell {
  return (stored) => {
    if (!selected(stored.event, run)) return false;
    const lines = json ? [eventJson(stored)] : eventLines(stored, run, terminal.colors);
    terminal.out(`${lines.join("\n")}\n`);
    return true;
  };
}

/** The events of `from` to `end`, both included, page by page. */
async function* pagesOf(reader: LedgerReader, from: number, end: number, signal: AbortSignal) {
  for (let next = from; next <= end; ) {
    const page = await reader.readAll(next, end - next + 1);
    yield page;
    next = (page.at(-1)?.global ?? end) + 1;
    // Reading LMDB never waits: without this no Ctrl-C would be heard before the end.
    await setImmediate();
    signal.throwIfAborted();
  }
}

/** The number of the event with which the last `wanted` of those until `end` begin. */
async function lastOf(
  reader: LedgerReader,
  end: number,
  wanted: number,
  takes: (stored: StoredEvent) => boolean,
  signal: AbortSignal,
): Promise<number> {
  if (wanted === 0) return end + 1;
  let missing = wanted;
  for (let last = end; last > 0; last -= pageRowsMax) {
    const found: number[] = [];
    for await (const page of pagesOf(reader, Math.max(1, last - pageRowsMax + 1), last, signal)) {
      found.push(...page.filter(takes).map(({ global }) => global));
    }
    const first = found.at(-missing);
    if (first !== undefined) return first;
    missing -= found.length;
  }
  return 1;
}

/** Tells what comes, until Ctrl-C. */
async function follows(
  reader: LedgerReader,
  from: number,
  tell: Tell,
  { signal, terminal }: CommandContext,
): Promise<number> {
  // The follower's own sleep keeps no process alive; here nothing else does.
  const sleep = (ms: number, woken: AbortSignal) => setTimeout(ms, undefined, { signal: woken });
  const handle = async (stored: StoredEvent) => {
    if (tell(stored)) await terminal.flushed();
  };
  const follower = follow(reader, handle, { from, sleep });
  const stop = () => void follower.close();
  signal.addEventListener("abort", stop);
  try {
    if (signal.aborted) stop();
    await follower.done;
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return exitCodes.interrupted;
}
