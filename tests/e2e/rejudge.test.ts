// Goal: a real run over the shipped checkpoint, judged again by processes of their own: its own
// reward gives it back to the bit, others do not, and not a byte of its directory changes.
import { createHash } from "node:crypto";
import { chmod, cp, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RejudgeVerdict } from "../../replay/index.ts";
import { checkpoint, isBuilt, SmallRuns } from "./small-runs.ts";

const test = suite("e2e/rejudge");

let runs: SmallRuns;
let run = "";
let directory = "";
let checkpointCopy = "";

type Told = RejudgeVerdict & { readonly notes: readonly string[]; readonly seconds: number };

/** `varft rejudge` in a process of its own. */
async function rejudge(...words: readonly string[]) {
  const argv = ["rejudge", run, "--json", "--runs", runs.folder("plain"), ...words];
  const { code, out, err } = await runs.varft(...argv).ended;
  return { code, err, told: JSON.parse(out.at(-1) ?? "null") as Told };
}

/** LMDB's own table of readers, which every reader of a ledger enters. */
const readersTable = "lock.mdb";

/** The names, times and bytes of all files of the run, as one hash. */
async function fingerprint(): Promise<string> {
  const hash = createHash("sha256");
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== readersTable);
  for (const path of files.map(({ parentPath, name }) => join(parentPath, name)).sort()) {
    hash.update(path).update(await readFile(path));
  }
  return hash.digest("hex");
}

if (isBuilt) {
  test.before(async () => {
    runs = await SmallRuns.open();
    checkpointCopy = runs.folder("checkpoint");
    await cp(checkpoint, checkpointCopy, { recursive: true });
    const place = `model.directory=${JSON.stringify(checkpointCopy)}`;
    const { code, err } = await runs.train("plain", place).ended;
    if (code !== 0) throw new Error(err);
    ({ run, directory } = await runs.place("plain"));
  });
  test.after(() => runs.close());

  test("its own reward: nothing changes, every cosine is exactly 1, no file is touched", async () => {
    const before = await fingerprint();
    const folders = ["", "ledger", "blobs"].map((name) => join(directory, name));
    for (const folder of folders) await chmod(folder, 0o555);
    const { code, err, told } = await rejudge("--reward", "quickstart");
    for (const folder of folders) await chmod(folder, 0o755);
    assert.is(code, 0, err);
    assert.equal([told.trajectories, told.changed, told.groupsFlipped], [2 * 3 * 4, 0, 0]);
    assert.equal(
      told.steps.map(({ step, cosine }) => [step, cosine]),
      [
        [1, 1],
        [2, 1],
      ],
    );
    assert.equal(told.notes, []);
    assert.is(await fingerprint(), before);
  });

  test("another preset and a module of one's own, which reads what was said", async () => {
    const preset = await rejudge("--reward", "recommended", "--to", "1");
    assert.is(preset.code, 0, preset.err);
    assert.ok(preset.told.changed > 0);
    const executed = preset.told.components.find(({ name }) => name === "executed");
    assert.is(executed?.weight.rejudged, 0.25);
    const [step] = preset.told.steps;
    assert.ok(step?.cosine != null && step.cosine > 0 && step.cosine < 1, `${step?.cosine}`);

    const path = join(runs.folder("."), "shortness.ts");
    await writeFile(
      path,
      "export function reward({ turns }: { turns: { text: string }[] }): number {\n" +
        "  return 1 / (1 + turns.map(({ text }) => text).join('').length);\n}\n",
    );
    const own = await rejudge("--reward", path, "--no-gradients");
    assert.is(own.code, 0, own.err);
    const shortness = own.told.components.find(({ name }) => name === "shortness");
    const { rejudged } = shortness?.mean ?? {};
    assert.ok(rejudged != null && rejudged > 0 && rejudged < 0.5, `${rejudged}`);
    assert.ok(own.told.signsFlipped > 0);
    assert.ok(own.told.steps.every(({ reason }) => reason === "gradients were not asked for"));
  });

  test("without its checkpoint rewards and flips are told, and what is missing", async () => {
    await rename(checkpointCopy, `${checkpointCopy}-moved`);
    const { code, told, err } = await rejudge("--set", "reward.f1=-1");
    assert.is(code, 0, err);
    assert.ok(told.changed > 0 && told.signsFlipped > 0);
    for (const { cosine, reason } of told.steps) {
      assert.is(cosine, null);
      assert.match(
        reason ?? "",
        /the checkpoint in .* cannot be read: name its folder with --model/,
      );
    }
    assert.match(told.notes.join(), "there are no gradients: the checkpoint in");
    const elsewhere = await rejudge("--set", "reward.f1=0.8", "--model", checkpoint);
    assert.equal(
      elsewhere.told.steps.map(({ cosine }) => cosine),
      [1, 1],
    );
  });
} else {
  console.log("skipped, the tiny checkpoint is not built: rejudging a real run");
}

test.run();
