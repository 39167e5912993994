// What the storage tests share: both kinds of ledgers behind one door, and short ways to append.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import type { NewEvent } from "../../events/index.ts";
import {
  type AppendPart,
  type AppendRequest,
  type Head,
  type Ledger,
  LedgerBusyError,
  LedgerError,
  MemoryDisk,
  openLedger,
  openMemoryLedger,
} from "../../storage/index.ts";

export const now = 1_700_000_000_000;

/** A place that keeps a ledger, and outlives those who open it. */
export interface Place {
  open(onCommitted?: (head: Head) => void): Promise<Ledger>;
  remove(): Promise<void>;
}

export interface Kind {
  readonly name: string;
  make(): Promise<Place>;
}

export const lmdbKind: Kind = {
  name: "lmdb",
  async make() {
    const directory = await temporaryFolder();
    return {
      open: (onCommitted) => openLedger(directory, { clock: () => now, ...given(onCommitted) }),
      remove: () => rm(directory, { recursive: true, force: true }),
    };
  },
};

export const memoryKind: Kind = {
  name: "memory",
  async make() {
    const disk = new MemoryDisk();
    return {
      open: (onCommitted) => openMemoryLedger({ disk, clock: () => now, ...given(onCommitted) }),
      remove: async () => {},
    };
  },
};

export const kinds: readonly Kind[] = [lmdbKind, memoryKind];

function given(onCommitted: ((head: Head) => void) | undefined): {
  onCommitted?: (head: Head) => void;
} {
  return onCommitted === undefined ? {} : { onCommitted };
}

export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "varft-storage-"));
}

/** Runs `action` with a new ledger of `kind`, and removes it afterwards, whatever happens. */
export async function withLedger(
  kind: Kind,
  action: (ledger: Ledger, place: Place) => Promise<void>,
): Promise<void> {
  const place = await kind.make();
  try {
    const ledger = await place.open();
    try {
      await action(ledger, place);
    } finally {
      await ledger.close();
    }
  } finally {
    await place.remove();
  }
}

export function someEvents(count: number, mark: unknown = 0): NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    type: "step.planned",
    v: 1,
    data: { mark, index },
  }));
}

export function part(stream: string, options: Partial<AppendPart> = {}): AppendPart {
  return { stream, expected: null, epoch: 0, events: someEvents(1), ...options };
}

export function request(command: string, ...parts: readonly AppendPart[]): AppendRequest {
  return { command, by: "tester", trace: null, blobs: [], parts };
}

/** The code that `action` ends with, or null. Errors of other kinds pass through. */
export async function codeOf(action: Promise<unknown>): Promise<string | null> {
  try {
    await action;
    return null;
  } catch (error) {
    if (error instanceof LedgerError || error instanceof LedgerBusyError) return error.code;
    throw error;
  }
}

/** Changes the owner row behind the ledger's back. */
export async function setOwner(directory: string, value: Buffer | null): Promise<void> {
  const root = open({ path: join(directory, "ledger"), overlappingSync: false });
  const meta = root.openDB<Buffer, string>({ name: "meta", encoding: "binary", useVersions: true });
  if (value === null) await meta.remove("owner");
  else await meta.put("owner", value, 0);
  await root.close();
}
