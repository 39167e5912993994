// Runs as people start them: real processes, NATS, LMDB, containers and the shipped checkpoint.
// What is compared is the result in the sense of invariant I4.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { firstDifference, resultOfEvents } from "../../actors/index.ts";
import type { Ending, Heard } from "./host-processes.ts";
import { checkpoint, dataOf, isBuilt, SmallRuns } from "./small-runs.ts";

const test = suite("e2e/determinism");
/** What sampler and learner may differ by on a token, in nats. */
const mismatchMax = 1e-4;
const runs = await SmallRuns.open();

test.after(() => runs.close());

/** Registers a test that needs the shipped checkpoint. */
function testRun(name: string, body: () => Promise<void>): void {
  if (isBuilt) test(name, body);
  else console.log(`skipped, ${checkpoint} is not built: ${name}`);
}

function assertEnd({ code, err }: Ending, expected = 0): void {
  assert.is(code, expected, `exit code ${code}: ${err}`);
}

let reference: Promise<void> | null = null;

/** Starts the run that all others are compared with, once. */
function undisturbed(): Promise<void> {
  reference ??= runs.train("undisturbed").ended.then(assertEnd);
  return reference;
}

/** The run `name` has the undisturbed one's result, and its sampler agreed with its learner. */
async function sameAsUndisturbed(name: string): Promise<void> {
  await undisturbed();
  const events = await runs.events(name);
  const wanted = await runs.result("undisturbed");
  assert.is(firstDifference(wanted, resultOfEvents(events)), null);
  const gradients = dataOf(events, "gradient.computed");
  assert.ok(gradients.length > 0, "no step had anything to learn: take another seed");
  for (const gradient of gradients) {
    const { step, mismatchMax: mismatch } = gradient;
    assert.ok(mismatch <= mismatchMax, `step ${step}: sampler and learner differ by ${mismatch}`);
  }
}

testRun("the same config and seed give the same result twice", async () => {
  await undisturbed();
  const { policies } = await runs.result("undisturbed");
  assert.is(new Set(policies).size, 3, "each step made a new policy");
  assertEnd(await runs.train("again").ended);
  await sameAsUndisturbed("again");
});

testRun("two Rollout workers give the result of one", async () => {
  assertEnd(await runs.train("two", "rollout.workers=2").ended);
  await sameAsUndisturbed("two");
  const workers = dataOf(await runs.events("two"), "turn.sampled").map(({ observed }) =>
    String(observed?.["worker"]),
  );
  assert.is(new Set(workers).size, 2, "both workers had work");
});

testRun(
  "Ctrl-C leaves nothing behind but the run, and a resume ends as if undisturbed",
  async () => {
    const training = runs.train("stopped");
    await training.line((line) => line.includes('"type":"step"'));
    training.signal("SIGINT");
    const { code, out, err } = await training.ended;
    assert.is(code, 130, err);
    const { run } = await runs.place("stopped");
    assert.match(out.at(-1) ?? "", `"resume":"varft train --resume ${run}`);
    assert.equal(await runs.leftovers("stopped"), []);
    assert.equal(dataOf(await runs.events("stopped"), "run.completed"), [], "it was not over yet");
    assertEnd(await runs.varft("train", "--resume", run, "--runs", runs.folder("stopped")).ended);
    await sameAsUndisturbed("stopped");
    assert.equal(await runs.leftovers("stopped"), []);
  },
);

/** Starts a run without workers of its own, and hands it one. */
async function withWorker(
  name: string,
  start: (run: string, url: string, env: Readonly<Record<string, string>>) => Heard,
): Promise<Ending> {
  const training = runs.train(name, "rollout.workers=0");
  const { run } = await runs.place(name);
  const { url, token } = await runs.bus(name);
  const worker = start(run, url, { VARFT_BUS_TOKEN: token });
  const ending = await training.ended;
  worker.signal("SIGTERM");
  await worker.ended;
  return ending;
}

testRun("a worker that was started by hand plays the run", async () => {
  const ending = await withWorker("by-hand", (run, url, env) =>
    runs.node(env, "cli/varft.mjs", "worker", "--run", run, "--bus", url),
  );
  assertEnd(ending);
  await sameAsUndisturbed("by-hand");
});

const stale = (kind: string) => (run: string, url: string, env: Readonly<Record<string, string>>) =>
  runs.node(env, "--import", "tsx", "tests/e2e/stale-worker.ts", kind, run, url);

testRun("a worker that keeps its old policy stops the run at its first turn", async () => {
  const ending = await withWorker("stale", stale("honest"));
  assertEnd(ending, 1);
  assert.match(ending.err, /rollout-stale: .*policy mismatch: sha256:\w+ is planned/);
  const events = await runs.events("stale");
  const [first] = (await runs.result("stale")).policies;
  for (const { policy } of dataOf(events, "turn.sampled")) assert.is(policy, first);
  assert.is(dataOf(events, "policy.updated").length, 1);
  assert.equal(await runs.leftovers("stale"), []);
});

testRun("one that lies about it is found out before a gradient of its turns is used", async () => {
  const ending = await withWorker("lying", stale("lying"));
  assertEnd(ending, 1);
  assert.match(
    ending.err,
    /step 2, minibatch \d: the sampler's and the learner's log-probs differ/,
  );
  assert.is(dataOf(await runs.events("lying"), "policy.updated").length, 1);
});

test.run();
