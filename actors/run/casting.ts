// Who plays which groups. Placement does not touch the result (I4); this is about speed and about
// groups whose worker has died, or has left them.
import { assert, CancelledError, RetryableError } from "../../events/index.ts";
import { cutEvenly } from "../learner/index.ts";
import type { Messenger, PlayOrder } from "../protocol.ts";
import { groupsPerOrderMax } from "../protocol.ts";
import { untilAborted } from "../until-aborted.ts";
import type { Crew, Member } from "./crew.ts";

type Groups = PlayOrder["groups"];

/** Time that a worker may take before it takes an order (it may load a policy), in milliseconds. */
export const orderTimeoutMs = 60_000;
/** Wait before an order that was not taken is given again, in milliseconds. */
const orderAgainMs = 1_000;
/**
 * Wait before an order that was taken is given again, where nothing changes, in milliseconds. Who
 * loses a lease leaves the work: somebody else has it now. But a dead worker's request may come
 * late and take the lease, and then nobody has it.
 */
const remindMs = 10_000;

/** Splits groups evenly over workers, neighbours together. */
export function splitGroups(
  groups: Groups,
  workers: readonly Member[],
): readonly { readonly worker: Member; readonly groups: Groups }[] {
  assert(workers.length > 0, "groups are split over at least one worker");
  return cutEvenly(groups, workers.length).map((share, index) => {
    const worker = workers[index];
    assert(worker !== undefined, "there are no more shares than workers");
    return { worker, groups: share };
  });
}

/**
 * Hands the groups of `order` out, and those of dead workers again to others, until `signal` is
 * aborted: the caller knows when everything has ended.
 * @param isOpen whether a group has still to be played
 */
export async function castGroups(
  crew: Crew,
  messenger: Messenger,
  order: PlayOrder,
  isOpen: (group: number) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const assigned = new Map<number, number>();
  const reminders = new Reminders();
  let isTimeToRemind = false;
  while (!signal.aborted) {
    const { change } = crew;
    const workers = crew.live("rollout");
    const lives = new Set(workers.map(({ life }) => life));
    const orphans = order.groups.filter(
      ({ group }) => isOpen(group) && !lives.has(assigned.get(group) ?? 0),
    );
    for (const worker of isTimeToRemind ? workers : []) {
      const groups = order.groups.filter(
        ({ group }) => isOpen(group) && assigned.get(group) === worker.life,
      );
      if (groups.length === 0) continue;
      reminders.give(worker.life, () => sendOrder(messenger, worker, { ...order, groups }, signal));
    }
    let refused = false;
    if (orphans.length > 0 && workers.length > 0) {
      const shares = splitGroups(orphans, workers);
      await Promise.all(
        shares.map(async ({ worker, groups }) => {
          const taken = await sendOrder(messenger, worker, { ...order, groups }, signal);
          if (!taken) refused = true;
          else for (const { group } of groups) assigned.set(group, worker.life);
        }),
      );
    }
    isTimeToRemind = await untilChange(change, refused, signal);
  }
}

/**
 * Waits for a change of the crew, or until an order may be given again.
 * @returns whether it is time to remind the workers of what they have taken
 */
export async function untilChange(
  change: Promise<void>,
  refused: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const pause = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(!refused), refused ? orderAgainMs : remindMs);
  });
  try {
    return await untilAborted(Promise.race([change.then(() => false), pause]), signal);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** Orders that are given once more, beside everything else: at most one for each life. */
export class Reminders {
  readonly #underWay = new Set<number>();

  /** Nobody waits for it: a worker that is busy answers late, and one with a fault reports it. */
  give(life: number, order: () => Promise<unknown>): void {
    if (this.#underWay.has(life)) return;
    this.#underWay.add(life);
    const over = (): void => void this.#underWay.delete(life);
    order().then(over, over);
  }
}

/** Sends an order; false where the worker cannot take it now. Who is dead leaves the crew. */
function sendOrder(
  messenger: Messenger,
  { address, gone }: Member,
  order: PlayOrder,
  signal: AbortSignal,
): Promise<boolean> {
  const options = { timeoutMs: orderTimeoutMs, signal: AbortSignal.any([signal, gone]) };
  const send = async (): Promise<void> => {
    for (let start = 0; start < order.groups.length; start += groupsPerOrderMax) {
      const groups = order.groups.slice(start, start + groupsPerOrderMax);
      await messenger.ask(address, "play", { ...order, groups }, options);
    }
  };
  return isTaken(send(), signal);
}

/**
 * Whether an order that was sent has been taken. One that was not may be by another worker: this
 * one is away, or ends, or `signal` has ended the whole work.
 * @throws what the worker refuses the order with
 */
export async function isTaken(sent: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  try {
    await sent;
    return true;
  } catch (thrown) {
    const isAway = thrown instanceof RetryableError || thrown instanceof CancelledError;
    if (signal.aborted || isAway) return false;
    throw thrown;
  }
}
