// Nothing of an execution is found by the next one or by its neighbour: a mark is planted in
// several ways at once, and looked for in files, names, processes, modules, sockets and memory.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type IsolationLevel,
  openDockerSandbox,
  type Sandbox,
  sandboxImageTag,
} from "../../sandbox/index.ts";
import { look, plant, planters } from "./marks.ts";
import { picture } from "./programs.ts";

const seed = 20_260_901;
const draws = 12;
const limits = { wallMsMax: 20_000 };
const markOf = (letters: readonly string[]) => `planted-${letters.join("")}`;
const letters = fc.array(fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789"), {
  minLength: 14,
  maxLength: 14,
});
const ways = fc.uniqueArray(fc.constantFrom(...Object.keys(planters)), {
  minLength: 1,
  maxLength: 6,
});

for (const level of ["fork", "container"] as const satisfies readonly IsolationLevel[]) {
  const test = suite<{ sandbox: Sandbox; neighbour: Sandbox }>(`docker sandbox: leaks at ${level}`);
  test.before(async (context) => {
    const options = { image: await sandboxImageTag(), run: `leaks-${process.pid}`, size: 1, level };
    context.sandbox = await openDockerSandbox(options);
    context.neighbour = await openDockerSandbox(options);
  });
  test.after(async ({ sandbox, neighbour }) => {
    await Promise.all([sandbox.close(), neighbour.close()]);
  });

  test("a mark that is there is found", async ({ sandbox }) => {
    const mark = markOf([..."k3w8z1m5q9x2v7"]);
    const planted = plant(mark, ["memory", "a file in the work folder"]);
    const program = `import os\nprint("work folder", os.getcwd())\n${planted}\n${look(mark)}`;
    const { stdout, stderr } = await sandbox.execute({
      program,
      image: await picture("png"),
      limits,
    });
    assert.match(stdout, "found in memory", stderr);
    const folder = /^work folder (.+)$/m.exec(stdout)?.[1];
    assert.match(stdout, `found in ${folder}/planted`);
  });

  test(`no mark is found afterwards or next door (seed ${seed})`, async (context) => {
    const image = await picture("png");
    const property = fc.asyncProperty(letters, ways, async (drawn, chosen) => {
      const mark = markOf(drawn);
      const planted = context.sandbox.execute({ program: plant(mark, chosen), image, limits });
      const beside = context.neighbour.execute({ program: look(mark), image, limits });
      const { cause, stderr } = await planted;
      assert.ok(cause === "ok", `${cause}: ${stderr}`);
      const after = await context.sandbox.execute({ program: look(mark), image, limits });
      assert.is(after.stdout, "looked\n", after.stderr);
      assert.is((await beside).stdout, "looked\n");
    });
    await fc.assert(property, { seed, numRuns: draws });
  });

  test.run();
}
