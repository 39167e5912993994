import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeForModel, type ExecutionResult, executionCauses } from "../../sandbox/index.ts";

const test = suite("describeForModel");

const result = (part: Partial<ExecutionResult>): ExecutionResult => ({
  cause: "ok",
  stdout: "",
  stderr: "",
  image: null,
  observed: {
    exitCode: 0,
    wallMs: 1.5,
    cpuMs: 1,
    memoryPeakBytes: 1,
    container: "c0ffee",
    attempts: 1,
  },
  ...part,
});

test("every cause has a sentence of its own, without what was merely observed", () => {
  const texts = executionCauses.map((cause) => describeForModel(result({ cause })));
  assert.is(new Set(texts).size, executionCauses.length);
  for (const text of texts) assert.ok(text.length < 100 && !/c0ffee|1\.5|ms/.test(text), text);
});

test("an error is told by its last line and the line of the program", () => {
  const stderr = `Traceback (most recent call last):
  File "program.py", line 9, in <module>
    f()
  File "program.py", line 4, in f
    x.y
AttributeError: <object object at 0x7f3a5c0de0f0> has no attribute 'y'
`;
  const text = describeForModel(result({ cause: "error", stderr }));
  assert.is(
    text,
    "The code failed.\nline 4: AttributeError: <object object at 0x...> has no attribute 'y'",
  );
});

test("long and unprintable output is cut and cleaned", () => {
  const text = describeForModel(result({ stdout: `\u001b[31m${"x".repeat(5_000)}` }));
  assert.ok(text.length < 500 && text.endsWith("...") && !text.includes("\u001b"));
});

test.run();
