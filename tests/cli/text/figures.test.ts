// Goal: intervals are what statistics says they are; curves, tables and words are well formed.
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RunLog } from "../../../cli/run/run-log.ts";
import { scoreRows } from "../../../cli/run/scores.ts";
import { bootstrapInterval, wilsonInterval } from "../../../cli/statistics/intervals.ts";
import { chartLines } from "../../../cli/text/chart.ts";
import { clock, short } from "../../../cli/text/format.ts";
import { tableLines, visibleLength } from "../../../cli/text/table.ts";

const test = suite("cli/figures");
const close = (a: number, b: number, tolerance = 5e-5) =>
  assert.ok(Math.abs(a - b) < tolerance, `${a} ${b}`);

test("Wilson's interval has the published values", () => {
  // Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
  const cases = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const;
  for (const [successes, n, low, high] of cases) {
    const interval = wilsonInterval(successes, n);
    close(interval[0], low);
    close(interval[1], high);
  }
});

test("the bootstrap holds the mean, repeats itself, and narrows with the root of n", () => {
  const values = Array.from({ length: 400 }, (_, index) => index % 2);
  const [low, high] = bootstrapInterval(values, "a");
  assert.ok(low < 0.5 && high > 0.5);
  assert.equal(bootstrapInterval(values, "a"), [low, high]);
  // 2 · 1.96 · sqrt(0.25 / 400) = 0.098
  close(high - low, 0.098, 0.015);
  assert.equal(bootstrapInterval([1, 1, 1], "b"), [1, 1]);
});

test("intervals contain their estimate", () => {
  const property = fc.property(
    fc.integer({ min: 1, max: 300 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    (n, share) => {
      const successes = Math.round(share * n);
      const [low, high] = wilsonInterval(successes, n);
      assert.ok(low <= successes / n && successes / n <= high && low >= 0 && high <= 1);
    },
  );
  void fc.assert(property, { seed: 5 });
});

test("with several samples a task counts once, and passes if any of them is right", () => {
  const groups = [0, 1].map(() => ({ task: "search", kind: "search" }));
  const judge = (group: number, em: number) => ({ group, reward: 1, em, f1: em, components: [] });
  const judged = [
    judge(0, 0),
    judge(0, 1),
    judge(0, 0),
    judge(0, 0),
    ...[0, 0, 0, 0].map(() => judge(1, 0)),
  ];
  const [all] = scoreRows(groups, judged, "seed");
  assert.equal([all?.n, all?.samples, all?.em, all?.passed], [2, 4, 12.5, 50]);
  assert.ok((all?.emInterval[0] ?? -1) >= 0 && (all?.emInterval[1] ?? 99) <= 25);
});

test("rows are all, tasks, kinds; a task of one kind of its own name is not split", () => {
  const groups = [
    { task: "search", kind: "search" },
    { task: "coding", kind: "dark" },
    { task: "coding", kind: "blur" },
  ];
  const judged = [0, 1, 2].map((group) => ({
    group,
    reward: 1,
    em: group % 2,
    f1: 0.5,
    components: [],
  }));
  const rows = scoreRows(groups, judged, "seed");
  assert.equal(
    rows.map(({ label, level, n, em }) => [label, level, n, Math.round(em)]),
    [
      ["all", "all", 3, 33],
      ["coding", "task", 2, 50],
      ["blur", "kind", 1, 0],
      ["dark", "kind", 1, 100],
      ["search", "task", 1, 0],
    ],
  );
});

test("a curve fits its box, whatever the values", () => {
  const property = fc.property(
    fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 300 }),
    fc.integer({ min: 12, max: 120 }),
    (values, width) => {
      const lines = chartLines(values, { width, height: 4 });
      assert.is(lines.length, 4);
      for (const line of lines) assert.ok(line.length <= width);
    },
  );
  void fc.assert(property, { seed: 6 });
  assert.equal(chartLines([], { width: 40, height: 4 }), []);
});

test("a curve grows to the right as the run goes on", () => {
  const width = (n: number) =>
    Math.max(
      ...chartLines([0, ...Array(n - 1).fill(1)], { width: 66, height: 2, total: 60 }).map(
        (line) => line.length,
      ),
    );
  assert.equal([width(30), width(60)], [36, 66]);
});

test("columns line up, colours do not count", () => {
  const red = "\u001b[31mab\u001b[39m";
  const lines = tableLines(
    ["x", "n"],
    [
      [red, "1"],
      ["abcd", "22"],
    ],
    ["left", "right"],
  );
  assert.equal(lines.map(visibleLength), [8, 8, 8]);
});

test("times and numbers are short", () => {
  assert.equal([clock(5), clock(65), clock(3_665)], ["0:05", "1:05", "1:01:05"]);
  assert.equal(
    [short(0), short(0.12345), short(1e-7), short(123_456)],
    ["0", "0.123", "1.0e-7", "1.2e+5"],
  );
});

test("an empty log has nothing to tell, and events of unknown types are passed over", () => {
  const log = new RunLog();
  const envelope = {
    id: "",
    stream: "x/y",
    seq: 1,
    v: 1,
    time: 5,
    cause: null,
    command: "c",
    trace: null,
    epoch: 0,
    by: "b",
  };
  log.add({ ...envelope, type: "something.new", data: {} });
  assert.equal([log.stepsLearned, log.started, log.lastMs], [0, null, 5]);
});

test.run();
