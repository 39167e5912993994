// `varft bench`: what this machine reaches, each figure beside its reference of the same run.
import { readdir } from "node:fs/promises";
import { z } from "zod";
import { nearest } from "../../config/index.ts";
import type { Command, CommandContext } from "../command.ts";
import { NotFoundError } from "../errors.ts";
import type { Colors } from "../terminal.ts";
import { type Align, clock, short, tableLines, thousands } from "../text/index.ts";

const benchFolder = new URL("../../bench/", import.meta.url);
/** How often the line of progress is drawn, in milliseconds. */
const redrawMs = 500;

const reach = z.object({
  of: z.enum(["value", "ratio"]),
  min: z.number().optional(),
  max: z.number().optional(),
});
const row = z.object({
  value: z.number(),
  unit: z.string(),
  reference: z.number().nullable(),
  ratio: z.number().nullable(),
  against: z.string().nullable(),
  reach: reach.nullable(),
});
type Row = z.infer<typeof row>;
type Rows = Readonly<Record<string, Row>>;

/** What each file of the bench folder offers. */
const benchModule = z.object({
  seconds: z.number(),
  /** Measured only when it is asked for. */
  onlyByName: z.boolean().default(false),
  rows: z.custom<(options: BenchOptions) => Promise<unknown>>(
    (value) => typeof value === "function",
  ),
});

interface BenchOptions {
  /** Folder of a checkpoint. */
  readonly model?: string;
  /** One case of a benchmark that is made of cases. */
  readonly case?: string;
  /** The folder of the run directories. */
  readonly runs: string;
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** Says how far it has come. */
  readonly tell: (line: string) => void;
}

interface Bench extends z.infer<typeof benchModule> {
  readonly name: string;
}

export const bench: Command = {
  name: "bench",
  about: "Measure this machine, and the model beside its reference",
  args: {
    name: { type: "positional", required: false, description: "Only this one (default: all)" },
    model: {
      type: "string",
      valueHint: "DIR",
      description: "Checkpoint for `large` (default: makes one of 7.5 GB)",
    },
    case: {
      type: "string",
      valueHint: "NAME",
      description: "Play one case of `kill-matrix` again: real:N, simulated:N",
    },
  },
  async run(words, context) {
    const { terminal, json, runs, signal } = context;
    const model = words.text("model");
    const benches = await chosenBenches(words.text("name"));
    const tell = (line: string) => terminal.err(`${terminal.isTty ? "\r\u001b[K" : ""}${line}\n`);
    const only = words.text("case");
    const options = {
      ...(model !== undefined && { model }),
      ...(only !== undefined && { case: only }),
      runs,
      signal,
      tell,
    };
    const found = await measureAll(benches, options, context);
    if (json) terminal.out(`${JSON.stringify(plainRows(found))}\n`);
    else terminal.out(`${rowLines(found, terminal.colors).join("\n")}\n`);
    return 0;
  },
};

async function chosenBenches(wanted: string | undefined): Promise<readonly Bench[]> {
  const files = await readdir(benchFolder).catch(() => []);
  const names = files
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -3))
    .sort();
  if (wanted !== undefined && !names.includes(wanted)) {
    const near = nearest(wanted, names);
    const mend = near === null ? `there are ${names.join(", ")}` : `did you mean "${near}"?`;
    throw new NotFoundError(`there is no benchmark "${wanted}"; ${mend}`);
  }
  const benches: Bench[] = [];
  for (const name of wanted === undefined ? names : [wanted]) {
    const loaded: unknown = await import(new URL(`${name}.ts`, benchFolder).href);
    benches.push({ name, ...benchModule.parse(loaded) });
  }
  return benches.filter((one) => one.name === wanted || !one.onlyByName);
}

async function measureAll(
  benches: readonly Bench[],
  options: BenchOptions,
  context: CommandContext,
): Promise<Rows> {
  const found: Record<string, Row> = {};
  for (const [index, one] of benches.entries()) {
    context.signal.throwIfAborted();
    const after = benches.slice(index + 1).reduce((sum, { seconds }) => sum + seconds, 0);
    Object.assign(found, await measure(one, after, options, context));
  }
  return found;
}

/** Measures one, and tells meanwhile how long it will take with those that come `after` it. */
async function measure(
  { name, seconds, rows }: Bench,
  after: number,
  options: BenchOptions,
  { terminal, now }: CommandContext,
): Promise<Rows> {
  const startedMs = now();
  const left = () => after + Math.max(0, seconds - (now() - startedMs) / 1_000);
  const line = () => `measuring ${name}, about ${clock(left())} left in all`;
  if (!terminal.isTty) terminal.err(`${line()}\n`);
  const draw = () => terminal.err(`\r\u001b[K${line()}`);
  const timer = terminal.isTty ? setInterval(draw, redrawMs) : null;
  try {
    return z.record(z.string(), row).parse(await rows(options));
  } finally {
    if (timer !== null) {
      clearInterval(timer);
      terminal.err("\r\u001b[K");
    }
  }
}

/** The rows in the shape that scripts rely on. */
function plainRows(found: Rows): object {
  const entries = Object.entries(found).map(([name, { value, unit, reference, ratio }]) => [
    name,
    { value, unit, reference, ratio },
  ]);
  return Object.fromEntries(entries) as object;
}

interface Column {
  readonly header: string;
  readonly align: Align;
  readonly text: (row: Row) => string;
  readonly isShown?: boolean;
}

/** A table. What no row has is no column of it, and what all rows share is told once below. */
function rowLines(found: Rows, colors: Colors): readonly string[] {
  const rows = Object.values(found);
  const names = Object.keys(found);
  const [against = null, ...others] = new Set(rows.map((one) => one.against));
  const isCompared = rows.some(({ reference }) => reference !== null);
  const isVaried = others.length > 0;
  const cell = (value: number | null) => (value === null ? "–" : figure(value));
  const all: readonly Column[] = [
    { header: "value", align: "right", text: ({ value }) => figure(value) },
    { header: "unit", align: "left", text: ({ unit }) => unit },
    {
      header: "reference",
      align: "right",
      text: ({ reference }) => cell(reference),
      isShown: isCompared,
    },
    { header: "ratio", align: "right", text: ({ ratio }) => cell(ratio), isShown: isCompared },
    { header: "should be", align: "left", text: (one) => reachCell(one, colors) },
    {
      header: "reference is",
      align: "left",
      text: (one) => one.against ?? "",
      isShown: isVaried,
    },
  ];
  const columns = all.filter(({ isShown = true }) => isShown);
  const lines = tableLines(
    ["", ...columns.map(({ header }) => header)],
    rows.map((one, at) => [names[at] ?? "", ...columns.map(({ text }) => text(one))]),
    ["left", ...columns.map(({ align }) => align)],
  );
  return isVaried || against === null ? lines : [...lines, `The reference is ${against}.`];
}

function figure(value: number): string {
  return value >= 1_000 ? thousands(value) : short(value);
}

/** `ratio ≥ 0.7`, green where it is so. */
function reachCell({ value, ratio, reach: wanted }: Row, colors: Colors): string {
  if (wanted === null) return "";
  const { of, min, max } = wanted;
  const measured = of === "value" ? value : (ratio ?? Number.NaN);
  const bounds = [
    ...(min === undefined ? [] : [`≥ ${figure(min)}`]),
    ...(max === undefined ? [] : [`≤ ${figure(max)}`]),
  ];
  const isReached = measured >= (min ?? -Infinity) && measured <= (max ?? Infinity);
  const mark = isReached ? colors.green("reached") : colors.red("not reached");
  return `${of} ${bounds.join(", ")} ${mark}`;
}
