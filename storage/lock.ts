// One writing process per run directory. The lock is a file that names its owner: process id, the
// time that process started, and the boot. A lock whose owner is gone is taken over. Should two
// processes ever both believe that they hold it, the ledger's fence refuses the older one.
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { LedgerError } from "./errors.ts";

interface Owner {
  readonly pid: number;
  /** Clock ticks between boot and the start of the process; null where the system does not say. */
  readonly started: string | null;
  readonly boot: string | null;
  readonly host: string;
}

const attemptsMax = 10;

/** Takes the lock, or throws ledger-in-use. The result gives it back. */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const mine: Owner = {
    pid: process.pid,
    started: await startOf(process.pid),
    boot: await bootId(),
    host: hostname(),
  };
  const text = `${JSON.stringify(mine)}\n`;
  const draft = `${path}.${process.pid}.${process.hrtime.bigint()}`;
  await writeFile(draft, text, { flush: true });
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      // `link` puts the whole file in place at once, or fails because there is one.
      if (await succeeds(link(draft, path), "EEXIST")) return () => giveBack(path, text);
      await removeStale(path, `${draft}.stale`);
    }
  } finally {
    await rm(draft, { force: true });
  }
  throw inUse(path, "other processes keep taking it");
}

async function giveBack(path: string, text: string): Promise<void> {
  const current = await readText(path);
  if (current === text) await rm(path, { force: true });
}

/** Removes the lock if its owner is gone; throws ledger-in-use if not. */
async function removeStale(path: string, aside: string): Promise<void> {
  const text = await readText(path);
  if (text === null) return;
  const owner = parseOwner(text);
  if (owner !== null && (await isAlive(owner))) {
    throw inUse(path, `process ${owner.pid} on ${owner.host} has it open`);
  }
  if (!(await succeeds(rename(path, aside), "ENOENT"))) return;
  // Between reading and renaming, another process may have taken the lock: put that one back.
  if ((await readText(aside)) !== text) await succeeds(link(aside, path), "EEXIST");
  await rm(aside, { force: true });
}

function inUse(path: string, reason: string): LedgerError {
  return new LedgerError(
    "ledger-in-use",
    `the run is open for writing (${path}): ${reason}; stop that process, or read without writing`,
    { details: { path } },
  );
}

function parseOwner(text: string): Owner | null {
  try {
    const value: Partial<Owner> = JSON.parse(text);
    const { pid, started = null, boot = null, host = "?" } = value;
    return typeof pid === "number" && pid > 0 ? { pid, started, boot, host } : null;
  } catch {
    return null; // torn by a power failure: its owner is gone
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  if (owner.boot !== (await bootId())) return false;
  const started = await startOf(owner.pid);
  if (started !== null && owner.started !== null) return started === owner.started;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (thrown) {
    return hasCode(thrown, "EPERM");
  }
}

async function bootId(): Promise<string | null> {
  return (await readText("/proc/sys/kernel/random/boot_id"))?.trim() ?? null;
}

async function startOf(pid: number): Promise<string | null> {
  const stat = await readText(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses and may contain anything.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields?.[19] ?? null;
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT") || hasCode(thrown, "ESRCH")) return null;
    throw thrown;
  }
}

async function succeeds(action: Promise<void>, refusal: string): Promise<boolean> {
  try {
    await action;
    return true;
  } catch (thrown) {
    if (hasCode(thrown, refusal)) return false;
    throw thrown;
  }
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code;
}
