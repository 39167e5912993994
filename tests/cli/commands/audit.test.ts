// Goal: `varft audit` tells people and scripts the same, and every end has its exit code.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { newSigningKey } from "../../../storage/index.ts";
import { noBlob, realRun, signed, tablesOf, writeTables } from "../../replay/audit/forge.ts";
import { varft } from "../fake-terminal.ts";

const test = suite("cli/audit");
const key = newSigningKey();
let runs = "";

test.before(async () => {
  runs = await mkdtemp(join(tmpdir(), "varft-cli-audit-"));
  const record = await realRun();
  const tables = tablesOf(record);
  await writeTables(join(runs, "tiny"), tables, signed(tables, key));
  const turn = record.events.find(({ type }) => type === "turn.sampled");
  if (turn === undefined) throw new Error("the run has turns");
  turn.data["policy"] = noBlob;
  const changed = tablesOf(record);
  await writeTables(join(runs, "changed"), changed, signed(changed, key));
  await writeTables(join(runs, "unsigned"), tables, { notes: "", keys: "" });
  await writeTables(join(runs, "better"), tables, signed(tables, key));
});

test.after(() => rm(runs, { recursive: true, force: true }));

const audit = (...words: readonly string[]) => varft("audit", ...words, "--runs", runs);

test("a good run: a line for every check, and what is not proven", async () => {
  const { code, out } = await audit("tiny");
  assert.is(code, 0);
  assert.match(out, /^tiny {2}990 events at [\d,.]+ a second, [\d.]+ kB of blobs$/m);
  assert.match(out, /^ok +chain +990 +the stored bytes/m);
  assert.match(out, /^ok +policies +\d+ +trajectories, turns and batches/m);
  assert.match(out, /^Consistent, origin unproven: --key or --checkpoint/m);
  for (const line of out.split("\n")) assert.ok(line.length <= 100, line);
});

test("--strict asks for a proof, and a kept key or checkpoint is one", async () => {
  assert.is((await audit("tiny", "--strict")).code, 3);
  const byKey = await audit("tiny", "--strict", "--key", key.verifier.text);
  assert.is(byKey.code, 0);
  assert.match(byKey.out, "Consistent, origin proven.");
  const printed = await audit("tiny", "--print-checkpoint");
  assert.is(printed.code, 0);
  assert.match(printed.out, /^varft\/[0-9a-f]{16}\/tiny\n990\n\S+=\n\n— varft\//);
  const file = join(runs, "kept.txt");
  await writeFile(file, printed.out);
  assert.is((await audit("tiny", "--strict", "--checkpoint", file)).code, 0);
  const other = await audit("tiny", "--key", newSigningKey().verifier.text);
  assert.is(other.code, 3);
  assert.match(other.out, "none is signed by the trusted key");
});

test("another run's record under a run's name is told, and proves nothing of that run", async () => {
  const { code, out } = await audit("better", "--key", key.verifier.text);
  assert.is(code, 0);
  assert.match(out, /^This is the record of tiny, which lies there as better\.$/m);
  assert.match(out, /^Consistent, origin of better unproven\.$/m);
  const strict = await audit("better", "--strict", "--key", key.verifier.text);
  assert.is(strict.code, 3);
  const { ok, origin, run } = JSON.parse((await audit("better", "--json")).out);
  assert.equal([ok, origin, run], [true, "unproven", "tiny"]);
});

test("a changed run: the event, the reason, exit code 3", async () => {
  const { code, out } = await audit("changed");
  assert.is(code, 3);
  assert.match(out, /^NO +policies +\d+ +wrong at event \d+ of trajectory\/tiny\//m);
  assert.match(out, /^First wrong: event \d+ of trajectory\/tiny\/\S+\n {2}policies: sha256/m);
  assert.match(out, "Not consistent.");
});

test("--json has the stable keys", async () => {
  const { code, out } = await audit("changed", "--json");
  assert.is(code, 3);
  const verdict = JSON.parse(out);
  assert.equal(
    [verdict.ok, verdict.origin, verdict.events, typeof verdict.eventsPerSecond],
    [false, "unproven", 990, "number"],
  );
  const { seq, stream, reason } = verdict.firstBad;
  assert.ok(seq > 0 && stream.startsWith("trajectory/tiny/") && reason.startsWith("policies: "));
  assert.is(verdict.checks.chain, 990);
  assert.equal(verdict.faults.policies, verdict.firstBad);
  const good = JSON.parse((await audit("tiny", "--json")).out);
  assert.equal([good.ok, good.firstBad, good.faults], [true, null, {}]);
});

test("what cannot be asked is told, with its exit code", async () => {
  const cases: readonly (readonly [words: readonly string[], code: number, says: RegExp])[] = [
    [[], 2, /varft audit needs RUN/],
    [["tinny"], 1, /did you mean "tiny"/],
    [["tiny", "--key", "abc"], 2, /--key: not a key for signed notes/],
    [
      ["tiny", "--checkpoint", "nowhere.txt"],
      2,
      /the checkpoint nowhere\.txt cannot be read: ENOENT/,
    ],
    [["tiny", "--checkpoint", "package.json"], 2, /holds no signed note/],
    [["unsigned", "--print-checkpoint"], 1, /unsigned has no checkpoint/],
  ];
  for (const [words, code, says] of cases) {
    const ended = await audit(...words);
    assert.is(ended.code, code, words.join(" "));
    assert.match(ended.err, says);
  }
});

test.run();
