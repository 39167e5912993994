// The life of the sandbox in the ledger: in its order, once the run has begun, and bounded.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { noticesMax, SandboxLog } from "../../actors/index.ts";
import { streams } from "../../events/index.ts";
import { type Ledger, openLedger } from "../../storage/index.ts";

const test = suite<{ directory: string; ledger: Ledger }>("sandbox log");
const opened = { level: "fork", size: 2, digest: "sha256:s" };
const drained = { kind: "drained", opened: 1, lost: 0, executions: 3 } as const;
const loss = { kind: "lost", container: "c", cause: "x".repeat(5_000), during: "call" } as const;
const fail = (error: Error): void => {
  throw error;
};

test.before.each(async (context) => {
  context.directory = await mkdtemp(join(tmpdir(), "varft-log-"));
  context.ledger = await openLedger(context.directory, { clock: () => 0 });
});
test.after.each(async ({ directory, ledger }) => {
  await ledger.close();
  await rm(directory, { recursive: true });
});

const typesOf = async (ledger: Ledger) =>
  (await ledger.readStream(streams.actor("sandbox"))).map(({ type }) => type);

test("what was told before the run began is recorded after its opening", async ({ ledger }) => {
  const log = new SandboxLog({ ledger, onFailed: fail });
  log.note({ kind: "resized", from: 0, to: 1, cause: "calls" });
  await log.end();
  assert.equal(await typesOf(ledger), []);
  await log.begin(opened);
  log.note({ kind: "replaced", container: "c", waitMs: 50 });
  log.note(drained);
  await log.end();
  const types = ["sandbox.opened", "sandbox.resized", "container.replaced", "sandbox.drained"];
  assert.equal(await typesOf(ledger), types);
});

test("losses without end are cut, the end is told, and a next head begins anew", async ({
  ledger,
}) => {
  for (let head = 1; head <= 2; head += 1) {
    const log = new SandboxLog({ ledger, onFailed: fail });
    await log.begin(opened);
    for (let count = 0; count < noticesMax + 100; count += 1) log.note(loss);
    log.note(drained);
    await log.end();
    const types = await typesOf(ledger);
    assert.is(types.length, head * (noticesMax + 2));
    assert.is(types.at(-1), "sandbox.drained");
  }
});

test("an append that fails is told, and ends nothing", async ({ directory, ledger }) => {
  const failures: string[] = [];
  const other = await openLedger(join(directory, "other"), { clock: () => 0 });
  const log = new SandboxLog({ ledger: other, onFailed: ({ message }) => failures.push(message) });
  await log.begin(opened);
  await log.end();
  await other.close();
  log.note(drained);
  await log.end();
  assert.is(failures.length, 1);
  assert.equal(await typesOf(ledger), []);
});

test.run();
