// Goal: whoever changes what a run's events say, and writes the ledger anew around it (chain,
// index, numbers, ids and a new signature), is found by what the events say to each other. Each row
// names the event that must be told, and why.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { envelopeCases } from "./cases-envelopes.ts";
import { planCases } from "./cases-plans.ts";
import { policyCases } from "./cases-policies.ts";
import { pruneCases } from "./cases-prunes.ts";
import { rewardCases } from "./cases-rewards.ts";
import { auditTables, madeConsistent, realRun, tablesOf } from "./forge.ts";
import { prune } from "./prune.ts";

const test = suite("replay/audit: tampered events");

const tampered = [...policyCases, ...rewardCases, ...planCases, ...envelopeCases, ...pruneCases];

test("the run as it is passes every check, and each of them had something to check", async () => {
  const record = await realRun();
  await prune(record, "gradients=last:1");
  const report = auditTables(tablesOf(record));
  assert.is(report.firstBad, null);
  for (const [check, count] of Object.entries(report.checks)) assert.ok(count > 0, check);
  assert.ok(tampered.length >= 60, `${tampered.length} kinds of tampering`);
});

for (const [what, check, words, change] of tampered) {
  test(`${what}: changed, it is found`, async () => {
    const record = await realRun();
    const event = change(record);
    madeConsistent(record);
    const { firstBad, faults } = auditTables(tablesOf(record));
    const found = `${check} should say so: ${JSON.stringify(firstBad)}`;
    assert.ok(firstBad, found);
    assert.is(firstBad.seq, record.events.indexOf(event) + 1, found);
    assert.ok(firstBad.reason.startsWith(`${check}: `), found);
    assert.match(firstBad.reason, words);
    assert.is(firstBad.stream, event.stream);
    assert.ok(
      !("chain" in faults) && !("checkpoints" in faults),
      "only what it says gives it away",
    );
  });
}

test("a tool's answer names the call as its cause; in version 1 it says what came of it", async () => {
  const record = await realRun();
  const call = record.events.find(({ type }) => type === "tool.called");
  const isAnswer = ({ cause }: { cause: string | null }) => cause === call?.id;
  const answer = record.events.filter(isAnswer);
  assert.equal(
    answer.map(({ type }) => type),
    ["tool.returned", "turn.prompted"],
  );
  for (const event of answer) event.cause = String(answer[0]?.data["cause"]);
  assert.match(auditTables(tablesOf(record)).firstBad?.reason ?? "", /^causes: /);
  for (const event of answer) event.v = 1;
  assert.is(auditTables(tablesOf(record)).firstBad, null);
  for (const event of answer) event.cause = "error";
  assert.match(auditTables(tablesOf(record)).firstBad?.reason ?? "", /^causes: /);
});

test.run();
