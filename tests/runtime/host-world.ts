// A host over an in-memory ledger with the toy actor, for the tests of the host.
import { streams } from "../../events/index.ts";
import { ActorHost, type HostFault, type HostLedger, type Outcome } from "../../runtime/index.ts";
import { type Ledger, MemoryDisk, openMemoryLedger } from "../../storage/index.ts";
import {
  readEvent,
  type ToyCommand,
  type ToyEffects,
  toyActor,
  type toyMachine,
} from "./toy-actor.ts";

export interface World {
  readonly disk: MemoryDisk;
  readonly ledger: Ledger;
  readonly faults: HostFault[];
  readonly host: ActorHost<typeof toyMachine, ToyCommand>;
}

export const stream = streams.trajectory("r", 0, 0, 0);
export const group = [0, 1, 2].map((sample) => streams.trajectory("r", 0, 0, sample));
export const ask = (id: string, amount: number): ToyCommand => ({ id, type: "ask", amount });

export async function openWorld(
  effects: Partial<ToyEffects> = {},
  options: { disk?: MemoryDisk; ledger?: Ledger; wrap?: (ledger: Ledger) => HostLedger } = {},
): Promise<World> {
  const disk = options.disk ?? new MemoryDisk();
  const ledger = options.ledger ?? (await openMemoryLedger({ disk, clock: () => 7, readEvent }));
  const faults: HostFault[] = [];
  const host = new ActorHost({
    actor: toyActor(effects),
    ledger: options.wrap?.(ledger) ?? ledger,
    holder: "host-1",
    onFault: (fault) => faults.push(fault),
    mailboxMax: 4,
    sleep: async () => {},
  });
  return { disk, ledger, faults, host };
}

export async function rejection(work: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await work;
  } catch (thrown) {
    return thrown as Error;
  }
  throw new Error("was expected to be rejected");
}

export async function typesOf(ledger: Ledger, name = stream): Promise<string[]> {
  return (await ledger.readStream(name)).map(({ type }) => type);
}

export function eventsOf(outcome: Outcome): readonly { id: string; type: string }[] {
  if (outcome.status === "rejected") throw new Error(outcome.reason);
  return outcome.events;
}

export const never = (): Promise<never> => new Promise(() => {});
