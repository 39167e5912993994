// Following a remote ledger: the storage room's follower, woken by the head's hints.

import type { StoredEvent } from "../../storage/index.ts";
import { type Follower, type FollowOptions, follow, type Ledger } from "../../storage/index.ts";
import type { Bus } from "../bus/index.ts";
import { commitsSubject, type LedgerAddress } from "./protocol.ts";

/**
 * Hands every event from `options.from` on to `handle`; hints over the bus only make it quicker.
 */
export function followLedger(
  bus: Bus,
  address: LedgerAddress,
  ledger: Pick<Ledger, "readAll">,
  handle: (stored: StoredEvent) => Promise<void> | void,
  options: FollowOptions,
): Follower {
  const follower = follow(ledger, handle, options);
  const hints = bus.subscribe(commitsSubject(address), () => follower.hint());
  return {
    get cursor() {
      return follower.cursor;
    },
    hint: () => follower.hint(),
    done: follower.done,
    close: async () => {
      await hints.close();
      await follower.close();
    },
  };
}
