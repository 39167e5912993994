// Goal: a run that asks for a device this host lacks ends at once with the provider's reason and
// the command that installs it. It never falls back, nor starts its worker again and again.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { missingCudaFiles } from "../../model/index.ts";
import { dataOf, isBuilt, SmallRuns } from "./small-runs.ts";

const test = suite("e2e/missing-device");
const runs = await SmallRuns.open();
const isMissing = (await missingCudaFiles()).length > 0;

test.after(() => runs.close());

for (const [name, ...sets] of [
  ["learner", 'learner.device="cuda:0"', 'determinism="tolerance"'],
  ["rollout", 'rollout.device="cuda:0"', 'determinism="tolerance"'],
] as const) {
  if (!isBuilt || !isMissing) {
    console.log(`skipped: no checkpoint, or the CUDA provider is installed: ${name}`);
    continue;
  }
  test(`a ${name} without its GPU ends the run`, async () => {
    const { code, err } = await runs.train(name, ...sets).ended;
    assert.is(code, 1);
    assert.match(err, `${name}-0: cuda:0 cannot be used: `);
    assert.match(err, "npm run setup:cuda");
    const events = await runs.events(name);
    assert.equal(dataOf(events, "policy.updated"), []);
    const [started] = dataOf(events, "run.started");
    const { device, learner } = started?.numericClass ?? {};
    const pinned = name === "learner" ? learner : device;
    assert.match(pinned ?? "", /^cuda /);
  });
}

test.run();
