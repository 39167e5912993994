import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  decideEvaluation,
  decideRun,
  type EvaluationCommand,
  evaluationMachine,
  planOf,
  type RunCommand,
  runMachine,
  summarize,
} from "../../actors/run/index.ts";
import { hashName, type Task } from "../../events/index.ts";
import { isDuplicate, rejectionOf, Scenario, typesOf } from "./scenario.ts";

const test = suite("run: decide");
const named = (text: string) => hashName(Buffer.from(text));
const sampling = { temperature: 1, greedy: false, tools: true };
const evaluation = (name: string) => ({
  name,
  set: "singles",
  tasks: 2,
  samples: 1,
  sampling,
});

const task = (id: string, more: Partial<Task> = {}): Task => ({
  id,
  task: "coding",
  kind: "dark",
  question: "?",
  answers: ["x"],
  image: named(id),
  reference: named(`${id}-clean`),
  ...more,
});

const settings = {
  steps: 2,
  evaluations: {
    before: [evaluation("before")],
    after: [evaluation("after")],
    everySteps: 1,
    every: [evaluation("during")],
  },
};

const started = {
  run: "r",
  seed: 1,
  config: {},
  numericClass: { code: "c", onnxruntime: "o", device: "cpu", sandbox: "s" },
  base: named("base"),
  policy: named("p0"),
  optimizer: named("o0"),
};

function run() {
  const plan = planOf(settings);
  return new Scenario<typeof runMachine, RunCommand>(
    runMachine,
    decideRun({ plan, steps: settings.steps, samples: 8, sampling, policyLag: 0 }),
    "run/r",
  );
}

const advance = (item: number, policy: string, tasks: readonly Task[] = []) => ({
  type: "advance" as const,
  item,
  policy: named(policy),
  tasks,
});

test("the plan puts evaluations before, between and after the steps", () => {
  const names = planOf(settings).map((item) => (item.kind === "step" ? item.step : item.name));
  assert.equal(names, ["before", 1, "during@1", 2, "after"]);
  const numbers = planOf(settings).flatMap((item) =>
    item.kind === "evaluation" ? [item.evaluation] : [],
  );
  assert.equal(numbers, [0, 1, 2]);
});

test("a run walks its plan, each policy taking over after its step", () => {
  const scenario = run();
  scenario.when({ type: "start", started });
  assert.equal(scenario.requests[0]?.name, "prepare");
  assert.equal(scenario.requests[0]?.params, { item: -1 });
  scenario.when(advance(-1, "p0"));
  assert.equal([scenario.requests[0]?.name, scenario.last["name"]], ["playEvaluation", "before"]);
  scenario.when(advance(0, "p0", [task("a")]));
  assert.equal(scenario.requests[0]?.name, "playStep");
  assert.equal(scenario.requests[0]?.params, { item: 1 });
  scenario.when(advance(1, "p1"));
  assert.is(scenario.last["policy"], named("p1"));
  scenario.when(advance(2, "p1", [task("b")]));
  scenario.when(advance(3, "p2"));
  scenario.when(advance(4, "p2"));
  assert.equal(scenario.types, [
    "run.started",
    "evaluation.planned",
    "step.planned",
    "evaluation.planned",
    "step.planned",
    "evaluation.planned",
    "run.completed",
  ]);
  assert.equal(scenario.last, { steps: 2, policy: named("p2") });
  assert.ok(isDuplicate(scenario.when(advance(5, "p2"))));
});

test("starting twice and late results are duplicates", () => {
  const scenario = run();
  scenario.when({ type: "start", started });
  assert.ok(isDuplicate(scenario.when({ type: "start", started })));
  scenario.when(advance(-1, "p0"));
  assert.ok(isDuplicate(scenario.when(advance(-1, "p0"))));
  assert.ok(isDuplicate(scenario.when(advance(3, "p0"))));
});

test("an evaluation cannot change the policy", () => {
  const scenario = run();
  scenario.when({ type: "start", started });
  scenario.when(advance(-1, "p0"));
  assert.match(rejectionOf(scenario.when(advance(0, "p1"))), /no step was learned/);
});

test("a planned step names the images that must be stored", () => {
  const scenario = run();
  scenario.when({ type: "start", started });
  scenario.when(advance(-1, "p0"));
  const decision = scenario.when(advance(0, "p0", [task("a"), task("b", { reference: null })]));
  assert.equal("events" in decision && decision.blobs, ["a", "a-clean", "b"].map(named));
});

test("an evaluation begins once and ends once", () => {
  const scenario = new Scenario<typeof evaluationMachine, EvaluationCommand>(
    evaluationMachine,
    decideEvaluation,
    "evaluation/r/0",
  );
  const summary = summarize([]);
  assert.match(rejectionOf(scenario.when({ type: "summarize", summary })), /after it has begun/);
  const begin = {
    type: "evaluate" as const,
    started: {
      evaluation: 0,
      name: "e",
      policy: named("p0"),
      sampling,
      tasks: [task("a")],
      samples: 1,
    },
  };
  assert.equal(typesOf(scenario.when(begin)), ["evaluation.started"]);
  assert.ok(isDuplicate(scenario.when(begin)));
  assert.equal(typesOf(scenario.when({ type: "summarize", summary })), ["evaluation.completed"]);
  assert.ok(isDuplicate(scenario.when({ type: "summarize", summary })));
});

test("the summary counts repairs on degraded and calls on clean images", () => {
  const played = (more: object) => ({
    task: task("a"),
    em: 1,
    f1: 1,
    format: 1,
    calls: 1,
    pixelError: 0,
    ...more,
  });
  const clean = task("c", { kind: "none", reference: null });
  const summary = summarize([
    played({}),
    played({ em: 0, f1: 0.5, pixelError: 40 }),
    played({ task: clean, pixelError: null }),
    played({ task: clean, pixelError: null, calls: 0 }),
    played({ task: task("s", { task: "search", kind: "search", reference: null }) }),
  ]);
  assert.is(summary.n, 5);
  assert.is(summary.em, 80);
  assert.is(summary.repaired, 50);
  assert.is(summary.needlessCalls, 50);
  assert.equal(summary.kinds["dark"], { n: 2, em: 50, f1: 75 });
});

test.run();
