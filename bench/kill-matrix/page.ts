// The part of docs/recovery.md that is written from the record.
import { realEventTypes } from "../../tests/recovery/real-plan.ts";
import { simulatedEventTypes } from "../../tests/recovery/simulated-faults.ts";
import { type CaseRecord, faultCounts, type Layer, layers, totalOf } from "./record.ts";

const headings: Readonly<Record<Layer, string>> = {
  real: "Real processes",
  simulated: "Simulated, in one process",
};

/** The types of events that bring the faults of a layer. */
const eventTypes: Readonly<Record<Layer, readonly string[]>> = {
  real: realEventTypes,
  simulated: simulatedEventTypes,
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
    ([what, { times, events }]) => `| ${what} | ${times} | ${placesOf(events, layer)} |`,
  );
  const all = eventTypes[layer];
  const intro = `The ${all.length} types of events that bring faults: ${all.join(", ")}.`;
  const head = ["| fault | times | at |", "|---|---|---|"];
  return [`### ${headings[layer]}`, "", intro, "", ...head, ...rows].join("\n");
}

/** The moments of a fault; of the types of events, whichever list is shorter: had, or not had. */
function placesOf(events: ReadonlySet<string>, layer: Layer): string {
  const all = eventTypes[layer];
  const had = all.filter((type) => events.has(type));
  const lacking = all.filter((type) => !events.has(type));
  const others = [...events].filter((event) => !all.includes(event));
  const types =
    lacking.length === 0
      ? ["each type"]
      : had.length > lacking.length
        ? [`each type but ${lacking.join(", ")}`]
        : had;
  return [...types, ...others].join(", ");
}
