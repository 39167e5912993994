// Goal: `varft bundle` and `varft verify` tell people and scripts the same, refuse what cannot be
// asked, and leave no half-written file and no folder behind. Whole runs are verified in e2e/.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { newSigningKey } from "../../../storage/index.ts";
import { realRun, signed, tablesOf, writeTables } from "../../replay/audit/forge.ts";
import { recordsOf, writeContent, writeRecords } from "../../replay/bundle/world.ts";
import { varft } from "../fake-terminal.ts";
import { writeSmallRun } from "../small-run.ts";

const test = suite("cli/bundle");
const key = newSigningKey();
let runs = "";
let file = "";

test.before(async () => {
  runs = await mkdtemp(join(tmpdir(), "varft-cli-bundle-"));
  file = join(runs, "good.gz");
  const tables = tablesOf(await realRun());
  await writeTables(join(runs, "good"), tables, signed(tables, key));
});
test.after(() => rm(runs, { recursive: true, force: true }));

const at = (...words: readonly string[]) => varft(...words, "--runs", runs);

test("a bundle is made, told, and not made over another file", async () => {
  const { code, out } = await at("bundle", "good", "-o", file);
  assert.is(code, 0);
  assert.match(out, /good\.gz {2}[\d.]+ kB in /);
  assert.match(out, /^990 events, 18 blobs of [\d.]+ k?B$/m);
  assert.match(out, /^content [0-9a-f]{12}; the run is completed$/m);
  const again = await at("bundle", "good", "-o", file);
  assert.is(again.code, 2);
  assert.match(again.err, /is there already: name a new file/);
});

test("--json has the stable keys", async () => {
  const out = join(runs, "again.gz");
  const told = JSON.parse((await at("bundle", "good", "--json", "-o", out)).out);
  const { type, run, state, events, blobs, omitted, left } = told;
  assert.equal(
    [type, run, state, events, blobs, omitted, left],
    ["result", "tiny", "completed", 990, 18, 0, 0],
  );
  assert.match(told.content, /^sha256:[0-9a-f]{64}$/);
  assert.is(told.bytes, (await readFile(out)).length);
  assert.ok((await readFile(out)).equals(await readFile(file)), "the same run, the same bytes");
});

test("what cannot be bundled leaves nothing behind", async () => {
  await mkdir(join(runs, "none"));
  const before = (await readdir(runs)).length;
  const out = join(runs, "new.gz");
  const cases: readonly (readonly [words: readonly string[], code: number, says: RegExp])[] = [
    [["bundle", "good"], 2, /varft bundle needs --out/],
    [["bundle", "goood", "-o", out], 1, /did you mean "good"/],
    [["bundle", "good", "-o", join(runs, "nowhere", "x.gz")], 1, /there is no folder .*nowhere$/m],
    [["verify"], 2, /varft verify needs FILE/],
    [["verify", out], 1, /^varft: .*new\.gz cannot be read: ENOENT/],
    [["verify", runs], 2, /is a folder: name a bundle in it/],
    [["verify", file, "--sample", "5%"], 2, /--sample goes with --recompute/],
    [["verify", file, "--recompute"], 2, /--recompute needs --model DIR/],
    [["verify", file, "--key", "abc"], 2, /--key: not a key for signed notes/],
  ];
  for (const [words, code, says] of cases) {
    const ended = await at(...words);
    assert.is(ended.code, code, `${words.join(" ")}: ${ended.err}`);
    assert.match(ended.err, says);
  }
  assert.is((await readdir(runs)).length, before);
});

test("a run whose blobs are missing is refused, and named", async () => {
  await writeSmallRun(runs, "holes");
  const { code, err } = await at("bundle", "holes", "-o", join(runs, "holes.gz"));
  assert.is(code, 1);
  assert.match(err, /the blob sha256:\w+ is not stored: no bundle is made; varft audit says more/);
  assert.is((await readdir(runs)).filter((name) => name.includes("holes.gz")).length, 0);
});

test("what an audit of it finds ends a verification with 3, and there is no replay", async () => {
  const records = await recordsOf(file);
  const event = records.filter(({ kind }) => kind === "event")[500];
  if (event !== undefined) event.payload[200] = (event.payload[200] ?? 0) ^ 1;
  const changed = join(runs, "changed.gz");
  await writeRecords(changed, records);
  const { code, out } = await at("verify", changed, "--json");
  assert.is(code, 3);
  const verdict = JSON.parse(out);
  assert.equal([verdict.ok, verdict.origin, verdict.replay], [false, "unproven", null]);
  assert.equal([verdict.events, verdict.checks.chain], [990, 990]);
  assert.ok(verdict.firstBad.seq > 0, verdict.firstBad.reason);
  assert.equal([verdict.bundle.manifest.run, verdict.bundle.events], ["tiny", 990]);
  const told = await at("verify", changed);
  assert.match(told.out, /^tiny {2}completed; /m);
  assert.match(told.out, /^First wrong: event \d+/m);
  assert.match(told.out, "Not consistent.");
  const other = await at("verify", file, "--key", newSigningKey().verifier.text);
  assert.is(other.code, 3);
  assert.match(other.out, "none is signed by the trusted key");
});

test("what is no bundle is told with the place, and another version is no verdict", async () => {
  const none = join(runs, "none.gz");
  await writeFile(none, "I am no bundle, and long enough to be one.");
  const { code, out } = await at("verify", none, "--json");
  assert.is(code, 3);
  const verdict = JSON.parse(out);
  assert.equal([verdict.ok, verdict.bundle, verdict.replay], [false, null, null]);
  assert.equal(verdict.faults.bundle, verdict.firstBad);
  assert.match(
    verdict.firstBad.reason,
    /^bundle: byte 0 of the file: it does not begin as a bundl/,
  );
  await writeContent(none, Buffer.from("varft bundle 7\n"));
  const newer = await at("verify", none);
  assert.is(newer.code, 1);
  assert.match(newer.err, /a bundle of version 7, this build reads 1 and 2/);
});

test("a run that is there already is not written over", async () => {
  const words = ["verify", file, "--into", runs];
  await mkdir(join(runs, "tiny"));
  const { code, err } = await at(...words);
  assert.is(code, 2);
  assert.match(err, /tiny is there already: name another folder for tiny/);
  assert.is((await readdir(runs)).filter((name) => name.startsWith(".varft")).length, 0);
});

test.run();
