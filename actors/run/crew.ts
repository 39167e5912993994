// Who works for the run: registered workers, by role and life.
//
// 1. A worker counts from its registration until it is reported dead or was silent for too long.
//    Being counted wrongly is harmless: leases decide who may write (I5).
// 2. A worker that starts anew under its old id has another instance; what the old one was given is
//    nobody's.
import type { Registration, WorkerRole } from "../protocol.ts";
import { silenceMsMax } from "../protocol.ts";

export interface Member {
  readonly worker: string;
  readonly role: WorkerRole;
  readonly instance: string;
}

export class Crew {
  readonly #members = new Map<string, Member & { seenMs: number }>();
  #change = signalled();

  /** Notes a registration or a beat. Returns true where this life of the worker is new. */
  register({ worker, role, instance }: Registration, nowMs: number): boolean {
    const known = this.#members.get(worker);
    if (known?.instance === instance) {
      known.seenMs = nowMs;
      return false;
    }
    this.#members.set(worker, { worker, role, instance, seenMs: nowMs });
    this.#announce();
    return true;
  }

  /** A worker is gone. Returns what it was, or null where it was not known. */
  end(worker: string): Member | null {
    const member = this.#members.get(worker) ?? null;
    if (this.#members.delete(worker)) this.#announce();
    return member;
  }

  /** Members that were silent for too long. */
  silent(nowMs: number): readonly Member[] {
    return [...this.#members.values()].filter(({ seenMs }) => nowMs - seenMs > silenceMsMax);
  }

  /** The members of a role, by name. */
  live(role: WorkerRole): readonly Member[] {
    return [...this.#members.values()]
      .filter((member) => member.role === role)
      .sort((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  /** Resolves at the next change. Take it before looking at the members. */
  get change(): Promise<void> {
    return this.#change.promise;
  }

  #announce(): void {
    const { resolve } = this.#change;
    this.#change = signalled();
    resolve();
  }
}

function signalled(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
