// Goal: a run that was pruned is told as that by whoever needs what is gone, and a blob that is
// gone without a word is damage. The run is a real one, which varft 0.1.0 has made.
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { EventData } from "../../../events/index.ts";
import { openLedgerReader, openUpkeep } from "../../../storage/index.ts";
import { writeTables } from "../../replay/audit/forge.ts";
import { keptRun } from "../../replay/kept-runs.ts";
import { varft } from "../fake-terminal.ts";

const test = suite("cli/prune");
let runs = "";
let run = "";
const rule = ["--keep", "gradients=none", "--keep", "policies=none"];

test.before(async () => {
  runs = await mkdtemp(join(tmpdir(), "varft-prune-"));
});
test.before.each(async () => {
  const kept = await keptRun("varft-0.1.0");
  run = kept.run;
  await rm(join(runs, run), { recursive: true, force: true });
  await writeTables(join(runs, run), kept.tables, { notes: "", keys: "" });
});
test.after(() => rm(runs, { recursive: true, force: true }));

const call = (command: string, ...words: readonly string[]) =>
  varft(...command.split(" "), ...words, "--runs", runs);

async function json(command: string, ...words: readonly string[]) {
  const { code, out, err } = await call(command, ...words, "--json");
  return { code, err, said: JSON.parse(out || "null") as Record<string, unknown> };
}

test("a dry run tells and changes nothing", async () => {
  const { code, said } = await json("prune", run, ...rule, "--dry-run");
  assert.is(code, 0);
  assert.equal(said["pruned"], {
    gradients: { blobs: 2, bytes: 49_664 },
    policies: { blobs: 1, bytes: 24_832 },
  });
  assert.equal([said["needed"], said["files"]], [1, null]);
  assert.is((await json("audit", run)).said["events"], 244);
});

test("a rule by which nothing goes says so, and what the run needs is not more of it", async () => {
  assert.match(
    (await call("prune", run, ...rule)).out,
    /^1 more stays: the run needs it to go on/m,
  );
  const again = await call("prune", run, ...rule);
  assert.match(again.out, /^Nothing of \S+ goes by "gradients=none policies=none"\.$/m);
  assert.match(again.out, /^1 stays: the run needs it to go on\.$/m);
});

test("what went is told by audit, replay and export, and the run is consistent", async () => {
  const { code, said } = await json("prune", run, ...rule);
  assert.is(code, 0);
  const files = said["files"] as { bytesBefore: number; bytesAfter: number };
  assert.ok(files.bytesAfter < files.bytesBefore - 50_000, JSON.stringify(files));
  const audit = await json("audit", run);
  assert.is(audit.code, 0);
  assert.equal(audit.said["pruned"], [
    { seq: 245, rule: "gradients=none policies=none", blobs: 3 },
  ]);
  assert.match(
    (await call("audit", run)).out,
    /^3 blobs are gone by "gradients=none policies=none"/m,
  );
  const replay = await json("replay", run);
  assert.is(replay.code, 0);
  assert.equal([replay.said["hashOnlySteps"], replay.said["policies"]], [2, 0]);
  const gone = await call("model export", run, "--step", "1", "-o", join(runs, "out"));
  assert.is(gone.code, 1);
  assert.match(gone.err, /after step 1 was pruned by the rule "gradients=none policies=none"/);
  assert.match(gone.err, /event 1 of storage\/first-.*: a backup may have it; .* here are 0, 2/);
  const shown = await json("show", run);
  assert.ok(Number(shown.said["wallSeconds"]) < 60, "the time of the run is that of the run");
});

test("a second prune finds nothing more, and the checkpoint covers the first", async () => {
  await call("prune", run, ...rule);
  const again = await json("prune", run, ...rule);
  assert.equal(again.said["pruned"], {});
  assert.is((await json("audit", run)).said["events"], 245);
  await copyFile(join(runs, run, "checkpoints.txt"), join(runs, "kept.txt"));
  const audit = await json("audit", run, "--strict", "--checkpoint", join(runs, "kept.txt"));
  assert.equal([audit.code, audit.said["origin"]], [0, "proven"]);
});

test("a blob that is gone without a word is damage", async () => {
  const directory = join(runs, run);
  const reader = await openLedgerReader(directory);
  const events = await reader.readStream(`learner/${run}`);
  await reader.close();
  const [gradient] = events
    .filter(({ type }) => type === "gradient.computed")
    .map(({ data }) => (data as EventData<"gradient.computed">).gradient);
  const upkeep = await openUpkeep(directory, { clock: () => 0 });
  await upkeep.removeBlobs([gradient ?? "sha256:"]);
  await upkeep.close();
  const { code, out } = await call("audit", run);
  assert.is(code, 3);
  assert.match(out, /blobs: sha256:\w+: it is not there/);
  assert.is((await call("replay", run)).code, 3);
});

test("a backup of before has what went, and takes the word of it along", async () => {
  const copies = join(runs, "copies");
  assert.is((await call("backup", run, "-o", copies)).code, 0);
  await call("prune", run, ...rule);
  const second = await json("backup", run, "-o", copies);
  assert.equal(second.said["events"], 245);
  const audit = await varft("audit", run, "--runs", copies, "--json");
  const verdict = JSON.parse(audit.out) as { ok: boolean; pruned: unknown[] };
  assert.equal([audit.code, verdict.ok, verdict.pruned], [0, true, []]);
  const replay = await varft("replay", run, "--runs", copies, "--json");
  assert.is((JSON.parse(replay.out) as { policies: number }).policies, 2);
  assert.is((await call("backup", run, "-o", runs)).code, 2, "not onto itself");
});

test("a bundle of a pruned run says what it leaves out, and verifies", async () => {
  await call("prune", run, ...rule);
  const file = join(runs, "pruned.varft.gz");
  const made = await json("bundle", run, "-o", file);
  assert.equal([made.code, made.said["omitted"]], [0, 3], made.err);
  const verified = await varft("verify", file, "--json");
  assert.is(verified.code, 0, verified.out + verified.err);
});

test("words that are no rule are refused", async () => {
  assert.match((await call("prune", run)).err, /needs --keep KIND=RULE/);
  const { code, err } = await call("prune", run, "--keep", "images=none");
  assert.is(code, 2);
  assert.match(err, /"images=none" names no kind of gradients, policies, optimizers/);
});

test.run();
