// Goal: every benchmark can be chosen by name and gives rows of one shape.
import { readdir } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rows } from "../../../bench/ledger.ts";
import { row } from "../../../bench/shared/row.ts";
import { fixtureNames } from "../../model/parity/fixture.ts";
import { varft } from "../fake-terminal.ts";

const test = suite("cli/bench");

test("every file of the bench folder is a benchmark", async () => {
  const files = (await readdir("bench")).filter((file) => file.endsWith(".ts"));
  assert.ok(files.includes("ledger.ts"));
  for (const file of files) {
    const offered = (await import(`../../../bench/${file}`)) as Readonly<Record<string, unknown>>;
    assert.type(offered["rows"], "function", file);
    assert.type(offered["seconds"], "number", file);
  }
});

test("a benchmark that is not there is named, with the nearest that is", async () => {
  const { code, err } = await varft("bench", "leger");
  assert.is(code, 1);
  assert.match(err, 'there is no benchmark "leger"; did you mean "ledger"?');
});

test("a row's ratio is its value over its reference", () => {
  const given = row(3, "ms", { reference: 2, against: "that", reach: { of: "ratio", max: 2 } });
  assert.equal([given.value, given.reference, given.ratio], [3, 2, 1.5]);
  const alone = row(1.234_56, "ms");
  assert.equal([alone.value, alone.reference, alone.ratio, alone.reach], [1.235, null, null, null]);
});

test("the ledger's rows carry the benchmark's name and numbers that are some", async () => {
  for (const [name, { value, unit, ratio }] of Object.entries(await rows({ size: 2_000 }))) {
    assert.match(name, /^ledger\./);
    assert.ok(value > 0 && unit !== "", name);
    assert.ok(ratio === null || ratio > 0, name);
  }
});

test("parity is a table of the largest differences, and tells once what they are to", async () => {
  const { code, out } = await varft("bench", "parity");
  const lines = out.trimEnd().split("\n");
  assert.is(code, 0);
  assert.match(lines[0] ?? "", /^ +value +unit +should be$/);
  for (const name of fixtureNames()) {
    const row = lines.find((line) => line.startsWith(`parity.${name}.log-probs `)) ?? "";
    assert.match(row, /^\S+ +[1-9]\.\de-[5-9] +absolute +value ≤ 1\.0e-4 reached$/);
  }
  assert.not.match(out, "not reached");
  assert.match(lines.at(-1) ?? "", /^The reference is torch \S+, transformers \S+, peft \S+\.$/);
});

test.run();
