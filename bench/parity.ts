// How far the policy is from Qwen2.5-VL as transformers, torch and peft compute it: per fixture and
// quantity the largest difference, absolute for values and relative to its norm for the gradient of
// each parameter. The fixtures are recorded; no Python runs.
import { differencesOf } from "../tests/model/parity/compare.ts";
import { fixtureNames, openFixture } from "../tests/model/parity/fixture.ts";
import { type BenchRow, type BenchRows, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 10;

/** Compares with every fixture. */
export async function rows(): Promise<BenchRows> {
  const found: Record<string, BenchRow> = {};
  for (const name of fixtureNames()) {
    const fixture = openFixture(name);
    const { versions } = fixture.recorded;
    const against = Object.entries(versions)
      .map((pair) => pair.join(" "))
      .join(", ");
    for (const { quantity, unit, largest, max } of await differencesOf(fixture)) {
      const options = { against, reach: { of: "value", max } } as const;
      found[`parity.${name}.${quantity}`] = row(largest, unit, options);
    }
  }
  return found;
}
