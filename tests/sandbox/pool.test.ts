// A pool whose engine stays away: how soon that is told does not depend on how many calls wait.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RunnerLostError } from "../../sandbox/errors.ts";
import { SandboxUnavailableError } from "../../sandbox/index.ts";
import { RunnerPool } from "../../sandbox/runner/index.ts";

const test = suite("runner pool");
const callsCount = 40;
const size = 2;

/** How often a pool without an engine tried to open a runner until all calls were given up. */
async function opensUntilGivenUp(awayMsMax: number): Promise<number> {
  let opens = 0;
  const pool = new RunnerPool({
    digest: "sha256:none",
    size,
    awayMsMax,
    open: async () => {
      opens += 1;
      throw new RunnerLostError("no engine");
    },
  });
  const call = () => pool.execute({ program: "", image: new Uint8Array(1) });
  const ends = await Promise.allSettled(Array.from({ length: callsCount }, call));
  await pool.close();
  for (const end of ends) {
    assert.is(end.status, "rejected");
    assert.instance((end as PromiseRejectedResult).reason, SandboxUnavailableError);
  }
  return opens;
}

test("calls that wait for an engine that stays away are given up together", async () => {
  const opens = await opensUntilGivenUp(0);
  assert.ok(opens <= 4 * size, `${opens} attempts to open a runner`);
});

test.run();
