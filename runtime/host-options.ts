// What a host is given, and what it says.
import type { AnyStateMachine } from "xstate";
import type { EventEnvelope } from "../events/index.ts";
import type { ActorCommand, ActorDefinition } from "./actor.ts";
import type { HostLedger } from "./host-ledger.ts";

/** What became of a command. */
export type Outcome =
  | { readonly status: "recorded"; readonly events: readonly EventEnvelope[] }
  /** Done before. `events` are those of the first time; empty where there were none. */
  | { readonly status: "duplicate"; readonly events: readonly EventEnvelope[] }
  | { readonly status: "rejected"; readonly reason: string };

/** What the host tells its supervisor. */
export interface HostFault {
  readonly kind: "parked" | "lease-lost" | "result-refused" | "notice-failed";
  readonly actor: string;
  readonly stream: string;
  /** The effect that failed or whose result was refused. */
  readonly effect: string;
  readonly error: Error;
}

export interface HostOptions<M extends AnyStateMachine, C extends ActorCommand> {
  readonly actor: ActorDefinition<M, C>;
  readonly ledger: HostLedger;
  /** Who holds the leases: the id of this process and actor. */
  readonly holder: string;
  readonly onFault: (fault: HostFault) => void;
  /** Author of the events; the actor's type by default. */
  readonly by?: string;
  readonly mailboxMax?: number;
  /** Waits between attempts; the real clock by default. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface StreamCommand<C extends ActorCommand> {
  readonly stream: string;
  readonly command: C;
}
