// A fork beside its parent, where that is at hand: what the fork says of it is what it says itself.
import { restoreRunConfig } from "../../config/index.ts";
import { type EventData, streams } from "../../events/index.ts";
import { LedgerError } from "../../storage/index.ts";
import { unequal } from "../fold/index.ts";
import { ForkError } from "./errors.ts";
import { type ForkReader, namesAtStep } from "./fork-step.ts";
import { partingAtTurn } from "./fork-trajectory.ts";

/** How a fork's first event differs from what its parent's ledger gives; null: it does not. */
export async function unlikeParent(
  reader: ForkReader,
  fork: EventData<"run.started">,
): Promise<string | null> {
  const { parent, policy, optimizer, config } = fork;
  if (parent === undefined) return null;
  const { run, at } = parent;
  const [first] = await reader.readStream(streams.run(run), 1, 1);
  if (first === undefined) return `its parent ${run} was never started`;
  const place = { reader, run, started: first.data as EventData<"run.started"> };
  try {
    if (at.type === "trajectory") {
      const again = await partingAtTurn({ ...place, ...at });
      return unequal({ parent }, { parent: again.parent });
    }
    const settings = restoreRunConfig(config);
    const forked = { ...place, step: at.step, config: settings };
    const learner = await reader.readStream(streams.learner(run));
    // What the fork has brought along may be gone there by now.
    const { names } = await namesAtStep(forked, learner, null);
    const derived = { parent: names.parent, policy: names.policy, optimizer: names.optimizer };
    return unequal({ parent, policy, optimizer }, derived);
  } catch (thrown) {
    if (thrown instanceof ForkError || thrown instanceof LedgerError) return thrown.message;
    throw thrown;
  }
}
