// A disk that fills up under a run: it stops with words that say so, and what it told is kept.
import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openLedgerReader, verifyChain } from "../../storage/index.ts";
import { checkpoint, dataOf, isBuilt, SmallRuns } from "./small-runs.ts";

const test = suite("e2e/full-disk");

/** Room for the first policy and its optimizer, and for a step or two. */
const diskSize = "16m";

/** Small steps: a policy that collapses has nothing to learn, and nothing to store. */
const steady = ["learner.learning_rate=1e-6", "evaluation.sets=[]"];

/** Mounts a small file system at `folder`; false where this user may not. */
function mountSmall(folder: string): boolean {
  try {
    const options = ["-t", "tmpfs", "-o", `size=${diskSize}`, "none", folder];
    execFileSync("mount", options, { stdio: "ignore" });
    return true;
  } catch {
    console.log("skipped: mounting a small tmpfs needs root");
    return false;
  }
}

async function fillDisk(runs: SmallRuns): Promise<void> {
  const { code, out, err } = await runs.train("full", "run.steps=50", ...steady).ended;
  assert.is(code, 1, err);
  assert.match(err, /disk/);
  assert.match(err, /--resume/);
  const told = out.filter((line) => line.includes('"type":"step"')).length;
  const kept = dataOf(await runs.events("full"), "policy.updated").length;
  assert.ok(kept >= told && kept < 50, `${told} steps were told, ${kept} are kept`);
  const { directory } = await runs.place("full");
  const reader = await openLedgerReader(directory);
  assert.is((await verifyChain(reader)).reason, null);
  await reader.close();
  assert.equal(await runs.leftovers("full"), []);
}

if (isBuilt) {
  test("a full disk stops the run with words that say so, and keeps what was told", async () => {
    const runs = await SmallRuns.open();
    const folder = runs.folder("full");
    await mkdir(folder);
    try {
      if (!mountSmall(folder)) return;
      try {
        await fillDisk(runs);
      } finally {
        execFileSync("umount", ["-l", folder]);
      }
    } finally {
      await runs.close();
    }
  });
} else {
  console.log(`skipped, ${checkpoint} is not built: a full disk`);
}

test.run();
