// What the head of a run is handed.
import type { RunConfig } from "../config/index.ts";
import type { EventEnvelope, HashName, NumericClass, Parent } from "../events/index.ts";
import type { Bus } from "../runtime/index.ts";
import type { PoolState } from "../sandbox/index.ts";
import type { Ledger } from "../storage/index.ts";
import type { TaskSource } from "../tasks/index.ts";
import type { RunAddress } from "./protocol.ts";
import type { RewardBook } from "./reward-judge/index.ts";
import type { ToolExecutor } from "./tool-executor/index.ts";

export interface HeadOptions {
  readonly address: RunAddress;
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly config: RunConfig;
  readonly numericClass: NumericClass;
  /** The version of varft, for readers that are older. */
  readonly varft?: string;
  /**
   * The checkpoint's name, and the policy and optimizer that the run starts from: stored blobs, as
   * those that the parent of a fork names.
   */
  readonly initial: {
    readonly base: HashName;
    readonly policy: HashName;
    readonly optimizer: HashName;
    readonly parent?: Parent;
  };
  readonly tasks: TaskSource;
  readonly tools: ToolExecutor;
  /** What the sandbox's pool is doing; null where no program is ever called. */
  readonly pool?: () => PoolState | null;
  /** What the run pays for, ready to be measured. */
  readonly rewards: Pick<RewardBook, "measure" | "settle">;
  /** Every event from now on, in the order of the ledger. */
  readonly onEvent?: (event: EventEnvelope) => void;
  /** A repair is right up to this mean absolute pixel difference, 0–255. */
  readonly pixelErrorMax?: number;
}
