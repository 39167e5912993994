// `varft bench`: what this machine reaches, each figure beside its reference of the same run.
import { readdir } from "node:fs/promises";
import { z } from "zod";
import { nearest } from "../../config/index.ts";
import type { Command } from "../command.ts";
import { NotFoundError } from "../errors.ts";
import { short } from "../format.ts";
import { tableLines } from "../table.ts";

const benchFolder = new URL("../../bench/", import.meta.url);

const row = z.object({
  value: z.number(),
  unit: z.string(),
  reference: z.number().nullable(),
  ratio: z.number().nullable(),
});
const rowsSchema = z.record(z.string(), row);

export const bench: Command = {
  name: "bench",
  about: "Measure this machine: ledger, bus, sandbox, model",
  args: {
    name: { type: "positional", required: false, description: "Only this one (default: all)" },
  },
  async run(words, { terminal, json, signal }) {
    const all = await benchNames();
    const name = words.text("name");
    if (name !== undefined && !all.includes(name)) {
      const near = nearest(name, all);
      const mend = near === null ? `there are ${all.join(", ")}` : `did you mean "${near}"?`;
      throw new NotFoundError(`there is no benchmark "${name}"; ${mend}`);
    }
    const found: Record<string, z.infer<typeof row>> = {};
    for (const one of name === undefined ? all : [name]) {
      signal.throwIfAborted();
      terminal.err(`measuring ${one} ...\n`);
      Object.assign(found, await measure(one));
    }
    if (json) terminal.out(`${JSON.stringify(found)}\n`);
    else {
      const header = ["", "value", "unit", "reference", "ratio"];
      const rows = Object.entries(found).map(([label, { value, unit, reference, ratio }]) => [
        label,
        short(value),
        unit,
        reference === null ? "–" : short(reference),
        ratio === null ? "–" : short(ratio),
      ]);
      const align = ["left", "right", "left", "right", "right"] as const;
      terminal.out(`${tableLines(header, rows, align).join("\n")}\n`);
    }
    return 0;
  },
};

/** Files of the bench folder that offer `rows()`; the others are their helpers. */
async function benchNames(): Promise<readonly string[]> {
  const names: string[] = [];
  const files = await readdir(benchFolder).catch(() => []);
  for (const file of files.filter((one) => one.endsWith(".ts")).sort()) {
    if (typeof (await load(file))["rows"] === "function") names.push(file.slice(0, -3));
  }
  return names;
}

async function measure(name: string): Promise<z.infer<typeof rowsSchema>> {
  const { rows } = await load(`${name}.ts`);
  return rowsSchema.parse(await (rows as () => Promise<unknown>)());
}

async function load(file: string): Promise<Record<string, unknown>> {
  return (await import(new URL(file, benchFolder).href)) as Record<string, unknown>;
}
