// Tampering with what is said to be pruned: blobs that are taken away, and called pruned, where no
// rule lets them go. The blobs of each case are gone, so that nothing but the check is in the way.
import type { HashName } from "../../../events/index.ts";
import type { RunRecord } from "./forge.ts";
import { callPruned } from "./prune.ts";
import { type Case, find } from "./tampering.ts";

const named = (record: RunRecord, type: string, key: string, n = 0): HashName =>
  find(record, type, n).data[key] as HashName;

const gradient = (record: RunRecord, n = 0) => named(record, "gradient.computed", "gradient", n);
const image = (record: RunRecord) => {
  const { data } = find(record, "tool.returned", 0, (event) => event.data["image"] !== null);
  return data["image"] as HashName;
};
const policy = (record: RunRecord, n = 0) => named(record, "policy.updated", "policyAfter", n);

/**
 * Blobs that are gone, by whose word, and the event behind which that is said; the end by default.
 */
const gone =
  (rule: string, nameOf: (record: RunRecord) => HashName, after?: readonly [string, number]) =>
  (record: RunRecord) => {
    const place = after && record.events.indexOf(find(record, ...after)) + 1;
    return callPruned(record, rule, [nameOf(record)], place);
  };

const needed = /the run needs sha256:\w+ to go on/;
const unknown = /is none of the gradients, policies, optimizers that were stored before/;

export const pruneCases: readonly Case[] = [
  [
    "a gradient that the rule keeps, called pruned",
    "prunes",
    /its rule "gradients=last:3" keeps sha256/,
    gone("gradients=last:3", gradient),
  ],
  [
    "a policy, called pruned by a rule about gradients",
    "prunes",
    /its rule "gradients=none" keeps sha256/,
    gone("gradients=none", policy),
  ],
  [
    "the policy that the run came to, called pruned",
    "prunes",
    needed,
    gone("policies=none", (record) => policy(record, -1)),
  ],
  [
    "the policy that the run began with, called pruned",
    "prunes",
    needed,
    gone("policies=none", (record) => named(record, "run.started", "policy")),
  ],
  [
    "a gradient since the last stored optimizer, called pruned",
    "prunes",
    needed,
    gone("gradients=none", gradient, ["policy.updated", 1]),
  ],
  ["an image, called pruned", "prunes", unknown, gone("gradients=none", image)],
  [
    "a gradient, called pruned before it was stored",
    "prunes",
    unknown,
    gone("gradients=none", gradient, ["step.planned", 0]),
  ],
  [
    "a gradient, called pruned by a rule about images",
    "prunes",
    /its rule is none: "images=none" names no kind/,
    gone("images=none", gradient),
  ],
  [
    "a gradient, called pruned by no rule",
    "prunes",
    /its rule is none: "" names no kind/,
    gone("", gradient),
  ],
];
