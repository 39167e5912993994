// Goal: the words of direct answers are the reference's, byte by byte; the other modes ask once.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashName, type Task } from "../../events/index.ts";
import { environment, withModes } from "../../tasks/index.ts";

const test = suite("tasks/modes");
const image = hashName(Buffer.from("image"));
const asked = withModes(environment);

const task = (shown: Task["image"]): Task => ({
  id: "1",
  task: "search",
  kind: "search",
  question: "Who built it?",
  answers: ["Eiffel"],
  image: shown,
  reference: null,
});

test("direct, about an image: the words of the MAT scripts", () => {
  assert.equal(asked.prompt(task(image), "direct"), {
    text: "<image>Who built it?\nAnswer the question directly. The answer should be very brief.",
    images: [image],
  });
});

test("direct, about no image: the words of the scripts for text benchmarks", () => {
  const text = "Who built it?\nOnly Return the answer.";
  assert.equal(asked.prompt(task(null), "direct"), { text, images: [] });
});

test("RAG asks directly, what was found before the question, in the place of all before", () => {
  const found = { tool: "search", cause: "ok", text: "<information> x </information>" } as const;
  assert.equal(asked.report(task(null), { ...found, image: null }, "rag"), {
    text: "<information> x </information>\nWho built it?\nOnly Return the answer.",
    images: [],
    fresh: true,
  });
});

test("without a mode the agent acts as before", () => {
  assert.equal(asked.prompt(task(image)), environment.prompt(task(image)));
  assert.equal(asked.parseAction("Eiffel"), environment.parseAction("Eiffel"));
  const report = { tool: "search", cause: "ok", text: "found", image: null } as const;
  assert.equal(asked.report(task(image), report), environment.report(task(image), report));
});

test("any text is read in any mode", () => {
  for (const text of ["", "<answer></answer>", "<answer>", "</answer>x<answer>", "\u0000"]) {
    for (const mode of ["direct", "cot", "rag"] as const) {
      assert.ok(["answer", "malformed"].includes(asked.parseAction(text, mode).kind));
    }
  }
});

test.run();
