// Goal: a fork of a run of real processes goes on to the same bytes as its parent, whatever happens
// on the way; a continued trajectory goes through the real sandbox; both prove themselves.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { EventData, EventEnvelope } from "../../events/index.ts";
import type { ReplayVerdict } from "../../replay/index.ts";
import { checkpoint, isBuilt, SmallRuns } from "./small-runs.ts";

const test = suite("e2e/fork");

let runs: SmallRuns;
let parent = "";

/** A command over the runs of this file; its JSON lines. */
async function varft(...words: readonly string[]) {
  const { code, out, err } = await runs.varft(...words, "--json", "--runs", runs.folder("all"))
    .ended;
  return { code, err, lines: out.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

/** Audited and recomputed, the run says that nothing is wrong with it. */
async function proves(run: string): Promise<ReplayVerdict> {
  const audited = await varft("audit", run);
  assert.is(audited.code, 0, JSON.stringify(audited.lines.at(-1)));
  const { code, err, lines } = await varft("replay", run, "--recompute", "--tools");
  const verdict = lines.at(-1) as unknown as ReplayVerdict;
  assert.equal(verdict.differences, []);
  assert.is(code, 0, err);
  return verdict;
}

/** A trajectory of a step in which a program was run before the last turn, by its short name. */
function withProgram(events: readonly EventEnvelope[]): string {
  const called = events.find(({ type, stream, data }) => {
    const isStep = /\/\d+\.\d+\.\d+$/.test(stream);
    return type === "tool.returned" && isStep && (data as { tool: string }).tool === "python";
  });
  if (called === undefined) throw new Error("nobody ran a program: take another seed");
  return called.stream.slice(called.stream.lastIndexOf("/") + 1);
}

if (isBuilt) {
  test.before(async () => {
    runs = await SmallRuns.open();
  });
  test.after(() => runs.close());

  test("a fork of a running parent, stopped and resumed, comes to the parent's policies", async () => {
    const training = runs.train("all", "run.steps=3", "storage.optimizer_every_steps=8");
    await training.line((line) => line.includes('"type":"step"'));
    parent = (await runs.place("all")).run;
    const forking = runs.varft(
      ...["fork", parent, "--at", "step=1", "--json", "--runs", runs.folder("all")],
    );
    await forking.line((line) => line.includes('"type":"step"'));
    forking.signal("SIGINT");
    const stopped = await forking.ended;
    assert.is(stopped.code, 130, stopped.err);
    const ended = await training.ended;
    assert.is(ended.code, 0, ended.err);
    const fork = `${parent}-step-1`;
    const resumed = await varft("train", "--resume", fork);
    assert.is(resumed.code, 0, resumed.err);
    const { code, lines } = await varft("diff", parent, fork);
    const { equal, partsAt, from, policies, settings } = lines.at(-1) ?? {};
    assert.equal([code, equal, partsAt, from, settings], [0, true, null, 1, []]);
    assert.equal(policies, { equal: 3, a: 3, b: 3 });
    const { steps } = await proves(fork);
    assert.is(steps, 2);
  });

  test("with another learning rate it parts at the first gradient", async () => {
    const words = ["fork", parent, "--at", "step=2", "--set", "learner.learning_rate=1e-4"];
    const { code, err, lines } = await varft(...words);
    assert.is(code, 0, err);
    const told = lines[0] as { run: string; parent: { run: string; step: number } };
    assert.equal([told.parent.run, told.parent.step], [parent, 2]);
    const found = await varft("diff", parent, told.run);
    const { partsAt } = found.lines.at(-1) as { partsAt: { stream: string; reason: string } };
    assert.is(found.code, 3);
    assert.is(partsAt.stream, "learner");
    assert.match(partsAt.reason, /^gradient\.computed: learningRate is [\d.]+ against [\d.]+$/);
  });

  test("a trajectory is continued through the sandbox, and each continuation is judged", async () => {
    const trajectory = withProgram(await runs.events("all"));
    const place = `trajectory=${trajectory},turn=1`;
    const { code, err, lines } = await varft("fork", parent, "--at", place, "--samples", "3");
    assert.is(code, 0, err);
    const last = lines.at(-1) as {
      run: string;
      original: { trajectory: string; reward: number };
      continuations: { trajectory: string; cause: string; reward: number }[];
    };
    assert.is(last.original.trajectory, trajectory);
    assert.equal(
      last.continuations.map((one) => one.trajectory),
      ["e0.0.0", "e0.0.1", "e0.0.2"],
    );
    for (const { reward, cause } of last.continuations) assert.ok(Number.isFinite(reward) && cause);
    const verdict = await proves(last.run);
    assert.ok((verdict.comparisons.tools?.compared ?? 0) >= 3, "the kept program runs again");
    const shown = (await varft("show", last.run)).lines[0] as typeof last & { parent: object };
    assert.equal([shown.original, shown.continuations], [last.original, last.continuations]);
    const told = await varft("trajectory", last.run, "e0.0.1");
    const { turns } = told.lines[0] as { turns: EventData<"turn.sampled">[] };
    assert.ok(turns.length > 1);
  });

  test("what cannot be forked is refused, and leaves no run behind", async () => {
    for (const [place, message] of [
      ["step=9", /has no policy after step 9: it has steps 0 to 3/],
      ["step=3", /nothing is left after step 3/],
      ["trajectory=1.0.0,turn=99", /1\.0\.0 has no turn 99: it has turns 0 to/],
      ["turn=1", /"turn=1" is no place: write step=40/],
    ] as const) {
      const { code, err } = await varft("fork", parent, "--at", place);
      assert.ok(code === 1 || code === 2, `${code}`);
      assert.match(err, message);
    }
    const { code, err } = await varft(
      "fork",
      parent,
      "--at",
      "step=1",
      "--set",
      "tune.vision=true",
    );
    assert.is(code, 2);
    assert.match(err, "tune cannot be changed");
  });
} else {
  console.log(`skipped, ${checkpoint} is not built: forks of real runs`);
}

test.run();
