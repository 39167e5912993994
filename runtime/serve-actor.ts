// An actor's instances over the bus: a command is a request, its outcome the answer.

import type { AnyStateMachine } from "xstate";
import { z } from "zod";
import { TerminalError } from "../events/index.ts";
import type { ActorCommand } from "./actor.ts";
import {
  type Address,
  type Bus,
  type RequestOptions,
  type Subscription,
  subjectOf,
} from "./bus/index.ts";
import type { ActorHost } from "./host.ts";
import type { Outcome } from "./host-options.ts";

const verb = "tell";

/** What became of a command that was sent over the bus: where its events stand in the stream. */
export interface RemoteOutcome {
  readonly status: Outcome["status"];
  /** Why a command was rejected. */
  readonly reason: string | null;
  /** The sequence number of the first event; 0 where there are none. */
  readonly seq: number;
  readonly count: number;
}

const tellShape = z.strictObject({
  stream: z.string(),
  command: z.looseObject({ id: z.string(), type: z.string() }),
});

/**
 * Serves the instances of `host` at `address`. `check` turns what arrived into a command, or
 * throws: what came over the wire has been checked for an id and a type only.
 */
export function serveActor<M extends AnyStateMachine, C extends ActorCommand>(
  bus: Bus,
  address: Address,
  host: Pick<ActorHost<M, C>, "tell">,
  check: (command: ActorCommand) => C,
): Subscription {
  return bus.serve(subjectOf(address, verb), async (payload): Promise<RemoteOutcome> => {
    const parsed = tellShape.safeParse(payload);
    if (!parsed.success) {
      throw new TerminalError("actor-request", `${address.actor}: ${parsed.error.message}`);
    }
    const { stream, command } = parsed.data;
    const outcome = await host.tell(stream, check(command));
    if (outcome.status === "rejected") {
      return { status: "rejected", reason: outcome.reason, seq: 0, count: 0 };
    }
    const { status, events } = outcome;
    return { status, reason: null, seq: events[0]?.seq ?? 0, count: events.length };
  });
}

/** Asks an instance elsewhere. Repeated under the command's id, which makes it safe. */
export async function tellActor(
  bus: Bus,
  address: Address,
  stream: string,
  command: ActorCommand,
  options: Omit<RequestOptions, "id"> = {},
): Promise<RemoteOutcome> {
  const payload = { stream, command };
  const answer = await bus.request(subjectOf(address, verb), payload, {
    ...options,
    id: command.id,
  });
  return answer as RemoteOutcome;
}
