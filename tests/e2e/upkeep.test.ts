// Goal: a run that is copied while it goes on is not disturbed, and the copy ends as the run itself
// would have; so does a run that was pruned half-way.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { firstDifference } from "../../actors/index.ts";
import type { Ending } from "./host-processes.ts";
import { checkpoint, dataOf, isBuilt, SmallRuns } from "./small-runs.ts";

const test = suite("e2e/upkeep");
const runs = await SmallRuns.open();
test.after(() => runs.close());

function well({ code, out, err }: Ending): readonly string[] {
  assert.is(code, 0, `exit code ${code}: ${err}`);
  return out;
}

/** Three steps, the optimizer stored after the first. */
const three = ["run.steps=3", "storage.optimizer_every_steps=1"];

if (!isBuilt) console.log(`skipped, ${checkpoint} is not built`);
else {
  test("a copy of a run that goes on is a run: audited, and trained to the same end", async () => {
    const training = runs.train("original", ...three);
    await training.line((line) => line.includes('"type":"step"'));
    const { run } = await runs.place("original");
    const copies = runs.folder("copies");
    const backup = () =>
      runs.varft("backup", run, "-o", copies, "--runs", runs.folder("original"), "--json").ended;
    const first = JSON.parse(well(await backup()).at(-1) ?? "{}") as { events: number };
    well(await runs.varft("audit", run, "--runs", copies).ended);
    const second = JSON.parse(well(await backup()).at(-1) ?? "{}") as { events: number };
    assert.ok(second.events >= first.events && first.events > 0);
    well(await training.ended);
    well(await runs.varft("train", "--resume", run, "--runs", copies, "--json").ended);
    assert.is(firstDifference(await runs.result("original"), await runs.result("copies")), null);
    well(await runs.varft("audit", run, "--runs", copies).ended);
  });

  test("a run that was pruned half-way goes on to the same end", async () => {
    const training = runs.train("pruned", ...three);
    await training.line((line) => line.includes('"step":2'));
    training.signal("SIGINT");
    assert.is((await training.ended).code, 130);
    const { run } = await runs.place("pruned");
    const at = ["--runs", runs.folder("pruned")];
    const keep = ["gradients=none", "policies=none", "optimizers=none"].flatMap((rule) => [
      "--keep",
      rule,
    ]);
    well(await runs.varft("prune", run, ...keep, ...at).ended);
    assert.ok(dataOf(await runs.events("pruned"), "blobs.pruned").length > 0, "something went");
    well(await runs.varft("train", "--resume", run, ...at).ended);
    assert.is(firstDifference(await runs.result("original"), await runs.result("pruned")), null);
    well(await runs.varft("audit", run, ...at).ended);
  });
}

test.run();
