// Tampering with policies, updates and what carries loss.
import { type LooseEvent, noBlob } from "./forge.ts";
import { type Case, find, floats, otherPolicy, remove, set, trained } from "./tampering.ts";

export const policyCases: readonly Case[] = [
  // The policy of what was sampled.
  ["a turn's policy", "policies", /it used/, set("turn.sampled", () => ({ policy: noBlob }), 40)],
  [
    "a turn's policy: a later one of the same run",
    "policies",
    /was planned, it used/,
    set("turn.sampled", (_, record) => ({ policy: otherPolicy(record) }), 80),
  ],
  [
    "a trajectory's policy",
    "policies",
    /was planned, it used/,
    set("trajectory.started", () => ({ policy: noBlob }), 9),
  ],
  [
    "a planned policy",
    "plans",
    /the policy in force is/,
    set("step.planned", () => ({ policy: noBlob }), 1),
  ],
  [
    "a batch's policy",
    "policies",
    /was planned, it used/,
    set("batch.assembled", () => ({ policy: noBlob }), 1),
  ],
  [
    "an evaluation's policy",
    "plans",
    /was planned, not/,
    set("evaluation.started", () => ({ policy: noBlob }), 1),
  ],
  [
    "an evaluated policy",
    "plans",
    /was evaluated, not/,
    set("evaluation.completed", () => ({ policy: noBlob })),
  ],
  // From policy to policy.
  [
    "where an update starts",
    "updates",
    /starts from the policy/,
    set("policy.updated", () => ({ policyBefore: noBlob }), 1),
  ],
  [
    "the optimizer that an update starts from",
    "updates",
    /starts from the optimizer/,
    set("policy.updated", () => ({ optimizerBefore: noBlob }), 1),
  ],
  [
    "the optimizer of a batch",
    "updates",
    /starts from the optimizer/,
    set("batch.assembled", () => ({ optimizer: noBlob }), 2),
  ],
  [
    "where an update ends",
    "blobs",
    /it is not there/,
    set("policy.updated", () => ({ policyAfter: noBlob })),
  ],
  [
    "where an update ends: at another policy of the run",
    "plans",
    /the policy in force is/,
    (record) => {
      find(record, "policy.updated").data["policyAfter"] = otherPolicy(record);
      return find(record, "step.planned", 1);
    },
  ],
  [
    "the optimizer that an update ends with",
    "updates",
    /starts from the optimizer/,
    (record) => {
      find(record, "policy.updated").data["optimizerAfter"] = noBlob;
      return find(record, "batch.assembled", 1);
    },
  ],
  [
    "a gradient that is left out",
    "updates",
    /2 minibatches have 1 gradients/,
    (record) => {
      remove(record, find(record, "gradient.computed", 1));
      return find(record, "policy.updated");
    },
  ],
  [
    "two gradients in the other order",
    "updates",
    /it is of minibatch 1, not of 0/,
    (record) => {
      const [one, two] = [0, 1].map((n) => find(record, "gradient.computed", n));
      if (one === undefined || two === undefined) throw new Error("a step has two gradients");
      [one.data, two.data] = [two.data, one.data];
      return one;
    },
  ],
  [
    "a gradient's step",
    "updates",
    /it is of step 3, not of 1/,
    set("gradient.computed", () => ({ step: 3 })),
  ],
  [
    "a mismatch above what the run allows",
    "updates",
    /sampler and learner differ by 0.5 nats/,
    set("gradient.computed", () => ({ mismatchMax: 0.5 }), 2),
  ],
  // What carries loss.
  [
    "a tool's tokens that carry loss: counted in the gradient",
    "tokens",
    /others carry loss too/,
    set("gradient.computed", ({ tokens }) => ({ tokens: Number(tokens) + 1 }), 1),
  ],
  [
    "a tool's tokens that carry loss: told as the model's",
    "tokens",
    /tokens carry loss, the model sampled/,
    (record) => {
      const isShort = ({ stream, data }: LooseEvent) =>
        stream === trained(record) && (data["ids"] as Int32Array).length < 4;
      const { data } = find(record, "turn.sampled", 0, isShort);
      data["ids"] = Int32Array.of(...(data["ids"] as Int32Array), 7);
      data["logProbs"] = Float32Array.of(...(data["logProbs"] as Float32Array), 0);
      return find(record, "gradient.computed");
    },
  ],
  [
    "a tool's tokens that carry loss: with log-probs of their own",
    "events",
    /Unrecognized key.*logProbs/,
    set("turn.prompted", ({ ids }) => ({ logProbs: Float32Array.from(ids as Int32Array) }), 3),
  ],
  [
    "a log-prob too few",
    "tokens",
    /tokens have/,
    set("turn.sampled", ({ logProbs }) => ({ logProbs: (logProbs as Float32Array).slice(1) }), 7),
  ],
  [
    "a log-prob above 0",
    "tokens",
    /the log-prob of its token 0 is 0.5/,
    set("turn.sampled", ({ logProbs }) => ({ logProbs: floats(logProbs, (v) => (v[0] = 0.5)) }), 7),
  ],
  [
    "a log-prob that is no number",
    "tokens",
    /is NaN/,
    set("turn.sampled", ({ logProbs }) => ({
      logProbs: floats(logProbs, (values) => values.fill(Number.NaN)),
    })),
  ],
];
