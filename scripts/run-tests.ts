// The strict front for uvu. With plain uvu an empty match, a left-over `.only`, a file that
// registers no suite, a test that never ends and an open handle all pass or hang; here they fail.
//
//   node --import tsx scripts/run-tests.ts [PATTERN]     PATTERN: a regular expression over paths
import { readFile } from "node:fs/promises";
import { parse } from "uvu/parse";

const limitMs = Number(process.env["TEST_LIMIT_MS"] ?? 900_000);
const pattern = process.argv[2] ?? "\\.test\\.ts$";
const queue: unknown[][] = [];

// As the product does (model/engine/session.ts), for tests that open sessions of their own.
process.env["ORT_DISABLE_TELEMETRY"] = "1";

// uvu reads these when it is first evaluated, so it must be imported after they are set.
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: queue });
const { exec } = await import("uvu");

// Helpers that tests import are no tests, whatever the pattern.
const { suites: matching } = await parse("tests", pattern);
const suites = matching.filter(({ name }) => name.endsWith(".test.ts"));
if (suites.length === 0) throw new Error(`no test file matches ${pattern}`);

for (const [index, { name, file }] of suites.entries()) {
  if (/\.only\(/.test(await readFile(file, "utf8"))) throw new Error(`${name}: .only is left over`);
  queue.push([name]);
  Object.assign(globalThis, { UVU_INDEX: index });
  await import(file);
  if (queue[index]?.length === 1) throw new Error(`${name}: no suite registered; .run() missing?`);
}

// A hook that throws ends its suite without a word, as if all were well; so does uvu's reporter
// when it throws itself. What did not pass must have been reported.
type Outcome = [errors: string | true, passed: number, skipped: number, total: number];
for (const group of queue) {
  for (const [index, run] of group.entries()) {
    if (typeof run !== "function") continue;
    group[index] = async (): Promise<Outcome> => {
      const [errors, passed, skipped, total]: Outcome = await run();
      const isReported = passed === total || typeof errors === "string";
      return [
        isReported ? errors : "  a hook failed, or a test with an error that uvu cannot print",
        passed,
        skipped,
        total,
      ];
    };
  }
}

const deadline = setTimeout(() => {
  console.error(`tests still running after ${limitMs} ms`);
  process.exit(1);
}, limitMs);
await exec(false);
clearTimeout(deadline);
process.exit(process.exitCode ?? 0);
