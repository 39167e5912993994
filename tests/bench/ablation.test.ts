// Goal: the ablation compares what it says; equal ledgers give equal figures, tables and pictures;
// a run is played once, and one that was stopped goes on.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Arm,
  arms,
  baseArm,
  baseConfig,
  recommendedArm,
  sets,
} from "../../bench/ablation/arms.ts";
import { panelsSvg } from "../../bench/ablation/panels.ts";
import { plannedRuns, playRuns, runThere, settingsOf } from "../../bench/ablation/play.ts";
import { type PolicyRecord, type RunRecord, recordOf } from "../../bench/ablation/record.ts";
import { heldOutSvg, rewardSvg, withSection } from "../../bench/ablation/results-page.ts";
import { curveOf, gainOf, spreadOf } from "../../bench/ablation/spread.ts";
import { tablesText } from "../../bench/ablation/tables.ts";
import { readRun } from "../../cli/run/run-directory.ts";
import { loadRunConfig, type RunConfig } from "../../config/index.ts";

const test = suite("bench/ablation");
const armNamed = (name: string): Arm => {
  const arm = arms.find((one) => one.name === name);
  if (arm === undefined) throw new Error(`there is no arm ${name}`);
  return arm;
};

const configOf = (arm: Arm): Promise<RunConfig> =>
  loadRunConfig(baseConfig, settingsOf({ arm, seed: 1, runs: "" }));

/** The keys in which two configurations differ, evaluations aside. */
function differingKeys(a: RunConfig, b: RunConfig): readonly string[] {
  const flat = ({ evaluation: _, ...config }: RunConfig) =>
    Object.entries(config).flatMap(([section, keys]) =>
      Object.entries(keys as object).map(([key, value]) => [
        `${section}.${key}`,
        JSON.stringify(value),
      ]),
    );
  const [left, right] = [
    new Map(flat(a) as [string, string][]),
    new Map(flat(b) as [string, string][]),
  ];
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => left.get(key) !== right.get(key))
    .sort();
}

test("each arm changes what it names, and nothing else", async () => {
  const recommended = await configOf(armNamed(recommendedArm));
  const changes: Record<string, readonly string[]> = {};
  for (const arm of arms) changes[arm.name] = differingKeys(recommended, await configOf(arm));
  assert.equal(changes["recommended"], []);
  assert.equal(changes["constant-code"], ["reward.executed"]);
  assert.equal(changes["injection"], ["reward.groundTruthInjection"]);
  assert.equal(changes["without-gdpo"], ["learner.advantage"]);
  assert.equal(changes["without-clip-higher"], ["learner.clipHigh"]);
  assert.equal(changes["without-tools"], ["reward.calls", "reward.executed", "rollout.callsMax"]);
  const steps = new Set(
    await Promise.all(arms.map(async (arm) => (await configOf(arm)).run.steps)),
  );
  assert.is(steps.size, 1);
});

test("what is recommended for the mini benchmark are the shipped recommended choices", async () => {
  const shipped = await loadRunConfig("config/recommended.toml");
  const { rollout, learner, reward } = await configOf(armNamed(recommendedArm));
  const chosen = ({
    rollout: r,
    learner: l,
    reward: paid,
  }: Pick<RunConfig, "rollout" | "learner" | "reward">) => [
    ...[r.oversampling, l.loss, l.advantage, l.kl, l.importance, l.clipLow, l.clipHigh],
    ...[l.minibatches, l.maskTruncated, paid],
  ];
  assert.equal(chosen({ rollout, learner, reward }), chosen(shipped));
});

function madeRun(arm: string, seed: number, right: number): RunRecord {
  const one = { right, repaired: 90, needlessCalls: 5, calls: 1.25, failedCalls: 3 };
  const after: PolicyRecord = { main: one, pairs: { ...one, right: right - 30 }, noTool: one };
  const before =
    arm === baseArm ? { main: { ...one, right: 48.8 }, pairs: one, noTool: one } : null;
  const curve = [
    { step: 6, right: right - 10 },
    { step: 12, right },
  ];
  return { arm, seed, rewards: [0.5, 1], right: [50, 60], curve, before, after };
}

const made = [
  madeRun(baseArm, 1, 80),
  madeRun(baseArm, 2, 82),
  madeRun(recommendedArm, 1, 83),
  madeRun(recommendedArm, 2, 81),
];

test("figures of several seeds keep each of them, and gains compare equal seeds", () => {
  assert.equal(spreadOf([3, 1, 2]), { mean: 2, low: 1, high: 3, values: [3, 1, 2] });
  assert.is(spreadOf([]), null);
  const [base, other] = [made.slice(2), made.slice(0, 2)];
  const gain = gainOf(other, base, ({ after }) => after.main.right);
  assert.equal(gain, { mean: -1, low: -3, high: 1, values: [-3, 1] });
  assert.is(
    gainOf(other, [madeRun("x", 9, 1)], ({ after }) => after.main.right),
    null,
  );
});

test("a curve has the places that all seeds have", () => {
  const points = curveOf([
    [
      { x: 1, y: 1 },
      { x: 2, y: 5 },
    ],
    [{ x: 1, y: 3 }],
  ]);
  assert.equal(points, [{ x: 1, mean: 2, low: 1, high: 3, values: [1, 3] }]);
});

test("the tables tell each seed, and what is not known as such", () => {
  const text = tablesText([armNamed(baseArm), armNamed(recommendedArm)], made);
  assert.match(text, "| before training | 48.8 (48.8, 48.8) |");
  assert.match(text, "| `quick-start` | 81.0 (80.0, 82.0) | 51.0 (50.0, 52.0) |");
  assert.match(text, "| `quick-start` | −1.0 (−3.0 to +1.0) |");
  const without = tablesText([armNamed("injection")], made);
  assert.match(without, "| `injection` | – | – | – |");
});

test("a picture is well-formed, says what it shows, and follows from the records alone", () => {
  const svg = heldOutSvg([armNamed(baseArm), armNamed(recommendedArm)], made);
  assert.is(svg, heldOutSvg([armNamed(baseArm), armNamed(recommendedArm)], made));
  // Opened and closed alike: tags with content, and those that close themselves.
  const open = [...svg.matchAll(/<([a-z]+)(?:\s[^<>]*)?(?<!\/)>/g)].map(([, name]) => name);
  const closed = [...svg.matchAll(/<\/([a-z]+)>/g)].map(([, name]) => name);
  assert.equal(open.sort(), closed.sort());
  assert.not.match(svg, /NaN|undefined|Infinity/);
  assert.not.match(rewardSvg([armNamed(baseArm), armNamed("injection")], made), /NaN|Infinity/);
  // 48.8 % lies 51.2 % of 150 units below the top; the last means are 71 and 81.
  assert.match(svg, 'points="0,76.8 110,43.5 220,28.5"');
  const without = [madeRun("without-tools", 1, 20)];
  const own = heldOutSvg([armNamed("without-tools")], [...made, ...without]);
  assert.match(own, 'points="110,135 220,120"');
  const escaped = panelsSvg([{ title: "a < b & c", points: [] }], { title: "", x: "", y: "" });
  assert.match(escaped, "a &lt; b &amp; c");
});

test("a section is written between its marks, and the rest of the page is left alone", () => {
  const marks = ["<!-- ablation: written by bench -->", "<!-- end of ablation -->"];
  const page = `before\n${marks[0]}\nold\n${marks[1]}\nafter\n`;
  const written = withSection(page, "new");
  assert.is(written, `before\n${marks[0]}\nnew\n${marks[1]}\nafter\n`);
  assert.is(withSection(written, "new"), written);
  assert.throws(() => withSection("no marks", "new"), /has no section/);
});

/** Two steps of four trajectories, and evaluations of four tasks. */
const small: Arm = {
  name: baseArm,
  settings: [
    "run.steps=2",
    "rollout.prompts=2",
    "rollout.samples=2",
    "evaluation.every_steps=1",
    `evaluation.sets=[${[
      `{name="${sets.main.name}",set="singles",tasks=4,greedy=true,when=["before","every","after"]}`,
      `{name="${sets.pairs.name}",set="pairs",tasks=4,greedy=false,when=["before","after"]}`,
      `{name="${sets.noTool.name}",set="singles",tasks=4,greedy=true,tools=false,when=["before","after"]}`,
    ].join(",")}]`,
  ],
};

test("a run is played once by varft train, and one that was stopped goes on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "varft-ablation-"));
  try {
    const planned = plannedRuns(folder, [small], [1]);
    const [one] = planned;
    assert.ok(one !== undefined);
    const told: string[] = [];
    const tell = (line: string) => told.push(line);
    const stopping = new AbortController();
    const stopped = playRuns(planned, { tell, signal: stopping.signal });
    const log = join(one.runs, "train.log");
    const said = () => readFile(log, "utf8").catch(() => "");
    while (!(await said()).includes("evaluation"))
      await new Promise((done) => setTimeout(done, 50));
    stopping.abort(new Error("stopped"));
    await stopped.then(
      () => assert.unreachable("it was stopped"),
      (thrown: Error) => assert.is(thrown.message, "stopped"),
    );
    assert.is((await runThere(one))?.completed, false);
    const { signal } = new AbortController();
    await playRuns(planned, { tell, signal });
    await playRuns(planned, { tell, signal });
    assert.equal(told, [
      `run 1 of 1: ${baseArm}, seed 1`,
      `run 1 of 1: ${baseArm}, seed 1 goes on`,
    ]);
    const there = await runThere(one);
    const read = await readRun(one.runs, there?.run ?? "", { whole: true });
    const record = recordOf(read.log, { arm: small.name, seed: 1 });
    assert.is(record.rewards.length, 2);
    assert.equal(
      record.curve.map(({ step }) => step),
      [1, 2],
    );
    assert.is(record.curve[1]?.right, record.after.main.right);
    assert.ok((record.before?.main.calls ?? 0) > 0);
    const other = { ...one, arm: { ...small, settings: [...small.settings, "run.steps=3"] } };
    await playRuns([other], { tell, signal }).then(
      () => assert.unreachable("it has other settings"),
      (thrown: Error) => assert.match(thrown.message, /was begun with other settings/),
    );
    assert.match(await said(), "step 2/2");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test.run();
