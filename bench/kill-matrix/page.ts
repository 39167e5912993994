// The part of docs/recovery.md that is written from the record.
import { type CaseRecord, faultCounts, type Layer, layers, totalOf } from "./record.ts";

const headings: Readonly<Record<Layer, string>> = {
  real: "Real processes",
  simulated: "Simulated, in one process",
};

/** Everything below it is written here. */
const mark = "<!-- below: written by varft bench kill-matrix -->";

/** `page` with what the record says written anew. */
export function recoveryPage(page: string, records: readonly CaseRecord[]): string {
  const at = page.indexOf(mark);
  if (at < 0) throw new Error(`the page has no line ${mark}`);
  const texts = layers.map((layer) => layerText(records, layer));
  return `${[page.slice(0, at) + mark, totals(records), ...texts].join("\n\n")}\n`;
}

function totals(records: readonly CaseRecord[]): string {
  const rows = layers.map((layer) => {
    const total = totalOf(records, layer);
    const { runs, faults, messages, told, lost, doubled, failed } = total;
    const minutes = Math.round(total.seconds / 60);
    const cells = [runs, faults, messages, told, lost, doubled, failed, minutes];
    return `| ${headings[layer]} | ${cells.join(" | ")} |`;
  });
  return [
    "| | runs | faults | messages lost, doubled, delayed | told durable | lost | doubled | runs failed | minutes |",
    "|---|---|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function layerText(records: readonly CaseRecord[], layer: Layer): string {
  const rows = faultCounts(records, layer).map(
    ([what, { times, events }]) => `| ${what} | ${times} | ${[...events].sort().join(", ")} |`,
  );
  return [`### ${headings[layer]}`, "", "| fault | times | at |", "|---|---|---|", ...rows].join(
    "\n",
  );
}
