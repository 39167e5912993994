import { suite } from "uvu";
import * as assert from "uvu/assert";
import { programWords } from "../../sandbox/index.ts";

const test = suite("program words");

test("a program that ended well says its output", () => {
  assert.is(programWords({ cause: "ok", stdout: " 1\n2 \n", stderr: "warning" }), "1\n2");
});

test("a program that failed says the last line of its error", () => {
  const stderr = `Traceback (most recent call last):
  File "program.py", line 9, in <module>
    f()
NameError: name 'f' is not defined
`;
  const words = programWords({ cause: "error", stdout: "x", stderr });
  assert.is(words, "NameError: name 'f' is not defined");
});

test("addresses and control characters, which differ from run to run, are taken out", () => {
  const stderr = "AttributeError: <object object at 0x7f3a5c0de0f0> has\u0000 no attribute 'y'\r\n";
  const words = programWords({ cause: "error", stdout: "", stderr });
  assert.is(words, "AttributeError: <object object at 0x...> has no attribute 'y'");
  assert.is(programWords({ cause: "ok", stdout: "\u001b[31mred\tx", stderr: "" }), "[31mred\tx");
});

test.run();
