// The kill matrix, small: what befalls a run changes nothing of its result, and nothing that
// anybody was told is lost. `varft bench kill-matrix` plays it large, `--case NAME` one of it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkpoint, isBuilt, SmallRuns } from "../e2e/small-runs.ts";
import { playReal, playSimulated, Undisturbed } from "./cases.ts";
import { type Findings, isClean } from "./verify.ts";

const test = suite("recovery/kill-matrix");
const undisturbed = new Undisturbed();
const runs = SmallRuns.open();

test.after(async () => (await runs).close());

function assertClean(name: string, found: Findings): void {
  const { lost, doubled, chain, difference } = found;
  assert.ok(isClean(found), `${name}: ${JSON.stringify({ lost, doubled, chain, difference })}`);
}

for (const number of [7, 14]) {
  const name = `simulated:${number}`;
  test(`${name}: crashes, a bad network and a failing disk change nothing`, async () => {
    const found = await playSimulated(number, await undisturbed.simulated());
    assert.ok(found.faults.length >= 8, `${found.faults.length} faults were done`);
    assertClean(name, found);
  });
}

async function withRuns(body: (runs: SmallRuns) => Promise<void>): Promise<void> {
  if (isBuilt) await body(await runs);
  else console.log(`skipped, ${checkpoint} is not built`);
}

test("real:0: killed and stopped processes change nothing, and leave nothing", () =>
  withRuns(async (all) => {
    const found = await playReal(0, all, await undisturbed.real(all));
    assert.ok(found.faults.length >= 4, `${found.faults.length} faults were done`);
    assertClean("real:0", found);
    assert.equal(found.leftovers, []);
  }));

test.run();
