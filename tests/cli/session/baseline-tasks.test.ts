// Goal: a run whose baseline does not ask every task that is trained on is refused before it
// begins, with the number that it takes; source by source in a mixture.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openTasks } from "../../../cli/session/index.ts";
import { loadRunConfig } from "../../../config/index.ts";

const test = suite("cli/tasks of a baseline");
let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "varft-baseline-"));
  const row = (id: number) => ({ id, question: `q${id}?`, golden_answers: ["a"] });
  const lines = Array.from({ length: 30 }, (_, id) => JSON.stringify(row(id)));
  await writeFile(join(folder, "rows.jsonl"), lines.join("\n"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

const baseline = (...names: readonly string[]) =>
  `reward.correction={ weight = 1, baseline_sets = ${JSON.stringify(names)} }`;
const set = (name: string, of: string, tasks: number) =>
  `{ name = "${name}", set = "${of}", tasks = ${tasks}, greedy = true, mode = "direct", ` +
  'when = ["before"] }';

async function opened(...overrides: readonly string[]): Promise<string> {
  const small = ["run.steps=3", "rollout.prompts=4", ...overrides];
  const config = await loadRunConfig("config/quickstart.toml", small);
  return openTasks(config, () => {}).then(
    () => "opened",
    ({ message }) => message,
  );
}

test("a generated source takes as many as are trained on", async () => {
  const sets = (tasks: number) => `evaluation.sets=[${set("bare", "training", tasks)}]`;
  assert.is(await opened(baseline("bare"), sets(12)), "opened");
  assert.match(
    await opened(baseline("bare"), sets(11)),
    'asks 11 tasks of "training", 12 are trained on: name an evaluation set with ' +
      'set = "training" and tasks = 12',
  );
});

test("a mixture takes them of every source that is trained on, at most all that it has", async () => {
  const file = JSON.stringify(join(folder, "rows.jsonl"));
  const sources =
    `tasks={ type = "mixture", sources = [{ name = "text", type = "rows", file = ${file}, ` +
    'heldout_share = 0 }, { name = "mini", type = "mini" }, { name = "rest", weight = 0, type = "mini" }] }';
  const sets = (...all: readonly string[]) => `evaluation.sets=[${all.join(", ")}]`;
  const both = sets(set("a", "text/training", 30), set("b", "mini/training", 80));
  const long = ["run.steps=20", sources, both];
  assert.is(await opened(baseline("a", "b"), ...long), "opened");
  assert.match(await opened(baseline("b"), ...long), 'asks 0 tasks of "text/training", 30 are');
  const few = sets(set("a", "text/training", 30), set("b", "mini/training", 79));
  const reason = await opened(baseline("a", "b"), "run.steps=20", sources, few);
  assert.match(reason, 'asks 79 tasks of "mini/training", 80 are trained on');
});

test.run();
