// A ledger whose disk can be made to fail, and which keeps what it has acknowledged.
import {
  type EventEnvelope,
  encodeEnvelope,
  type HashName,
  sha256Hex,
} from "../../events/index.ts";
import {
  type AppendRequest,
  type Ledger,
  LedgerBusyError,
  LedgerError,
} from "../../storage/index.ts";
import type { Testimony } from "./witness.ts";

/** What clients were told is durable, by whichever ledger. */
export class Acknowledged implements Testimony {
  readonly events = new Map<string, string>();
  readonly blobs = new Set<HashName>();

  note(events: readonly EventEnvelope[]): void {
    for (const event of events) this.events.set(event.id, sha256Hex(encodeEnvelope(event)));
  }
}

/** `ledger`, with everything noted that it acknowledges. */
export function noting(ledger: Ledger, acknowledged: Acknowledged): Ledger {
  const put = async (bytes: Uint8Array): Promise<HashName> => {
    const name = await ledger.blobs.put(bytes);
    acknowledged.blobs.add(name);
    return name;
  };
  const append = async (request: AppendRequest): Promise<readonly EventEnvelope[]> => {
    const events = await ledger.append(request);
    acknowledged.note(events);
    return events;
  };
  return changed(ledger, { append, blobs: changed(ledger.blobs, { put }) });
}

/** `target` with some members of its own replaced. */
function changed<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get: (_, key) => {
      if (Object.hasOwn(members, key)) return Reflect.get(members, key);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** What the disk of a head does with the next appends. */
export type DiskFault = "commit-fails" | "commit-torn" | "ledger-busy";

/** Appends that are refused as too many by one `ledger-busy`. */
const busyAppends = 6;

/** Decides what becomes of the appends of one head after the other. */
export class Disk {
  #next: DiskFault | null = null;
  #busy = 0;
  /** The head whose ledger it is now. */
  #current = 0;
  #hasFailed = false;

  /** Whether the ledger of the head of now has failed. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  fail(fault: DiskFault): void {
    if (fault === "ledger-busy") this.#busy += busyAppends;
    else this.#next = fault;
  }

  /** The ledger of one head over this disk. */
  over(ledger: Ledger): Ledger {
    let dead = false;
    this.#current += 1;
    this.#hasFailed = false;
    const own = this.#current;
    const fail = (): never => {
      dead = true;
      this.#hasFailed ||= own === this.#current;
      throw new LedgerError("ledger-failed", "the disk is full");
    };
    const append = async (request: AppendRequest): Promise<readonly EventEnvelope[]> => {
      if (dead) return fail();
      if (this.#busy > 0) {
        this.#busy -= 1;
        throw new LedgerBusyError(1, 0);
      }
      const fault = this.#next;
      this.#next = null;
      if (fault === "commit-fails") return fail();
      const events = await ledger.append(request);
      return fault === "commit-torn" || dead ? fail() : events;
    };
    return changed(ledger, { append });
  }
}
