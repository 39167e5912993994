// Goal: rules say what they keep, a blob goes only where every use of it lets it go, and what a run
// needs to go on stays whatever the rules say.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type EventEnvelope, type EventType, hashName } from "../../events/index.ts";
import { parseKeepRules } from "../../replay/index.ts";
import { keepRulesText, keeps } from "../../replay/retention/rules.ts";
import { RetentionFold } from "../../replay/retention/select.ts";

const test = suite("replay: retention");
const named = (text: string) => hashName(Buffer.from(text));

test("rules are read, and told in one form", () => {
  const rules = parseKeepRules(["policies=every:20", "gradients=none", "policies=last:2"]);
  assert.is(keepRulesText(rules), "gradients=none policies=every:20 policies=last:2");
  const kept = Array.from({ length: 45 }, (_, index) => index + 1).filter((step) =>
    keeps(rules, "policies", step, 45),
  );
  assert.equal(kept, [20, 40, 44, 45]);
  assert.not(keeps(rules, "gradients", 45, 45));
  assert.ok(keeps(rules, "optimizers", 1, 45), "what no rule names stays");
});

test("what is no rule is refused in words", () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [["images=none"], /names no kind of gradients, policies, optimizers/],
    [["gradients"], /says nothing that can be kept; write KIND=none/],
    [["gradients=last:0"], /says nothing/],
    [["gradients=every:x"], /says nothing/],
    [["gradients=none", "gradients=last:3"], /contradicts the other rule/],
  ];
  for (const [texts, reason] of wrong) assert.throws(() => parseKeepRules(texts), reason);
});

/** A run of `steps` steps with two gradients each; the optimizer is stored every `every` steps. */
function foldOf(steps: number, every: number, policyLag = 0): RetentionFold {
  const fold = new RetentionFold();
  const add = (type: EventType, data: object) => fold.add({ type, data } as EventEnvelope);
  const start = { policy: named("policy 0"), optimizer: named("optimizer 0") };
  add("run.started", { ...start, config: { rollout: { policyLag } } });
  for (let step = 1; step <= steps; step++) {
    for (const minibatch of [0, 1]) {
      const gradient = named(`gradient ${step}.${minibatch}`);
      add("gradient.computed", { step, minibatch, gradient, stored: true });
    }
    const after = {
      policyAfter: named(`policy ${step}`),
      optimizerAfter: named(`optimizer ${step}`),
    };
    add("policy.updated", { step, ...after, optimizerStored: step % every === 0 });
  }
  return fold;
}

test("the last stored state, the gradients since and the policies in play always stay", () => {
  const none = parseKeepRules(["gradients=none", "policies=none", "optimizers=none"]);
  const { kinds, needed } = foldOf(10, 4).select(none);
  const steps = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  assert.equal(
    kinds.get("gradients"),
    steps(8).flatMap((step) => [named(`gradient ${step}.0`), named(`gradient ${step}.1`)]),
  );
  const policies = [1, 2, 3, 4, 5, 6, 7, 9].map((step) => named(`policy ${step}`));
  assert.equal(kinds.get("policies"), policies);
  assert.equal(kinds.get("optimizers"), [named("optimizer 4")]);
  assert.is(needed, 4 + 2 + 1, "gradients of two steps, two policies, one optimizer");
  const lagging = foldOf(10, 4, 2).select(none).kinds.get("policies") ?? [];
  assert.equal(lagging, policies.slice(0, 7), "steps 8, 9 and 10 may be played with");
});

test("equal bytes are one blob: it stays where one of its steps keeps it", () => {
  const fold = new RetentionFold();
  const add = (type: EventType, data: object) => fold.add({ type, data } as EventEnvelope);
  add("run.started", { policy: named("p"), optimizer: named("o"), config: {} });
  for (let step = 1; step <= 4; step++) {
    const gradient = named(step === 2 ? "other" : "the same");
    add("gradient.computed", { step, gradient, stored: true });
    add("policy.updated", {
      ...{ step, policyAfter: named("p"), optimizerAfter: named(`o${step}`) },
      optimizerStored: true,
    });
  }
  const { kinds } = fold.select(parseKeepRules(["gradients=last:1", "policies=none"]));
  assert.equal([...kinds], [["gradients", [named("other")]]], "the first policy is the last one");
});

test.run();
