// Which process writes a ledger. The owner is a row in the ledger itself, taken and given back
// inside LMDB write transactions: these are serialised over all processes, and their lock outlives
// no process, so there is no moment in which two could both find the place free.
//
// An owner is gone when its process is: same boot, same process id, same start time, or it is not
// the same process. A copied run directory carries the row along, so the row also names its file.
// Should two processes ever both believe that they own a ledger (containers that do not see each
// other's processes), the fence in the head row refuses the older one.
import { readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { CodecError, decode, encode } from "../events/index.ts";

/** The process that writes, and the file that it writes. */
export interface Owner {
  readonly pid: number;
  /** Clock ticks between boot and the start of the process; null where the system does not say. */
  readonly started: string | null;
  readonly boot: string | null;
  readonly host: string;
  /** Device and inode of the data file. */
  readonly file: string;
  /** Tells apart the openings of one process. */
  readonly opening: string;
}

/** This process as the owner of the data file `file`. */
export function thisProcess(file: string): Owner {
  return {
    pid: process.pid,
    started: startOf(process.pid),
    boot: bootId(),
    host: hostname(),
    file: fileId(file),
    opening: `${process.hrtime.bigint()}`,
  };
}

/** Tells whether `owner` still runs and owns the data file `file`. */
export function isAlive(owner: Owner, file: string): boolean {
  if (owner.boot !== bootId() || owner.file !== fileId(file)) return false;
  const started = startOf(owner.pid);
  if (started !== null && owner.started !== null) return started === owner.started;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && "code" in thrown && thrown.code === "EPERM";
  }
}

export function encodeOwner(owner: Owner): Uint8Array {
  return encode(owner);
}

/** Null for bytes that name no owner. */
export function decodeOwner(bytes: Uint8Array): Owner | null {
  try {
    const value = decode(bytes);
    if (value === null || typeof value !== "object") return null;
    const { pid, started = null, boot = null, host, file, opening } = value as Partial<Owner>;
    if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid < 1) return null;
    return { pid, started, boot, host: `${host}`, file: `${file}`, opening: `${opening}` };
  } catch (thrown) {
    if (thrown instanceof CodecError) return null;
    throw thrown;
  }
}

function fileId(file: string): string {
  const { dev, ino } = statSync(file, { bigint: true });
  return `${dev}:${ino}`;
}

function bootId(): string | null {
  return readText("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
}

/** Whether a process stands still, by Ctrl-Z or SIGSTOP. */
export function isStopped(pid: number): boolean {
  return statOf(pid)[0] === "T";
}

function startOf(pid: number): string | null {
  return statOf(pid)[19] ?? null;
}

/** What the system says of a process, from its state on; nothing where there is none. */
function statOf(pid: number): readonly string[] {
  const stat = readText(`/proc/${pid}/stat`);
  // The field before is the program's name in parentheses and may contain anything.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
}

// Only for files under /proc: absent on other systems, and gone when their process is.
function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
