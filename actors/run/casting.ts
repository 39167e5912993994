// Who plays which groups. Placement does not touch the result (I4); this is about speed and about
// groups whose worker has died.
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
  while (!signal.aborted) {
    const { change } = crew;
    const workers = crew.live("rollout");
    const lives = new Set(workers.map(({ life }) => life));
    const orphans = order.groups.filter(
      ({ group }) => isOpen(group) && !lives.has(assigned.get(group) ?? 0),
    );
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
    await untilChange(change, refused, signal);
  }
}

/** Waits for a change of the crew or, where an order was not taken, until it may be given again. */
export async function untilChange(
  change: Promise<void>,
  again: boolean,
  signal: AbortSignal,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const pause = new Promise<void>((resolve) => {
    if (again) timer = setTimeout(resolve, orderAgainMs);
  });
  try {
    await untilAborted(Promise.race([change, pause]), signal);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** Sends an order; false where the worker cannot take it now. Who is dead leaves the crew. */
async function sendOrder(
  messenger: Messenger,
  { address, gone }: Member,
  order: PlayOrder,
  signal: AbortSignal,
): Promise<boolean> {
  const ending = AbortSignal.any([signal, gone]);
  try {
    for (let start = 0; start < order.groups.length; start += groupsPerOrderMax) {
      const groups = order.groups.slice(start, start + groupsPerOrderMax);
      const options = { timeoutMs: orderTimeoutMs, signal: ending };
      await messenger.ask(address, "play", { ...order, groups }, options);
    }
    return true;
  } catch (thrown) {
    if (signal.aborted || isNotTaken(thrown)) return false;
    throw thrown;
  }
}

/**
 * Whether an order was not carried out by this worker and may be by another: it is away, or ends.
 */
export function isNotTaken(thrown: unknown): boolean {
  return thrown instanceof RetryableError || thrown instanceof CancelledError;
}
