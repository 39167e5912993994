// Who works for the run: the live workers by role. Three words of this folder are about placement
// and nothing else: the crew are the workers that are there, casting (`casting.ts`) says who plays
// which groups, and the stage (`stage.ts`) has a step or an evaluation performed by them.
//
// 1. A worker counts from its registration until it is gone. Being counted wrongly is harmless:
//    leases decide who may write (I5).
// 2. Each registration is a life of its own. What an earlier life was given is nobody's, and is
//    handed out again; the worker leaves alone what it is doing already.
import { WorkerGoneError } from "../errors.ts";
import type { WorkerRole } from "../protocol.ts";
import { signalled } from "../signalled.ts";

export interface Member {
  readonly worker: string;
  /** Where its process is asked. */
  readonly address: string;
  readonly role: WorkerRole;
  readonly life: number;
  /** Aborted when this life is over: nobody will answer what it was asked. */
  readonly gone: AbortSignal;
}

export class Crew {
  readonly #members = new Map<string, Member>();
  readonly #ends = new Map<string, AbortController>();
  #lives = 0;
  #change = signalled();

  /** Notes a registration. */
  add(worker: string, address: string, role: WorkerRole): void {
    this.#lives += 1;
    this.#finish(worker);
    const end = new AbortController();
    this.#ends.set(worker, end);
    const life = this.#lives;
    this.#members.set(worker, { worker, address, role, life, gone: end.signal });
    this.#announce();
  }

  /** A worker is gone. Returns what it was, or null where it was not known. */
  end(worker: string): Member | null {
    const member = this.#members.get(worker) ?? null;
    this.#finish(worker);
    if (this.#members.delete(worker)) this.#announce();
    return member;
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

  #finish(worker: string): void {
    this.#ends.get(worker)?.abort(new WorkerGoneError(worker));
    this.#ends.delete(worker);
  }

  #announce(): void {
    const { resolve } = this.#change;
    this.#change = signalled();
    resolve();
  }
}
