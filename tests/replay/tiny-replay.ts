// Runs of the tiny world, and replays of them.
import { ToolExecutor } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type HashName, hashName } from "../../events/index.ts";
import { recomputation, replayRun, sampleOf } from "../../replay/index.ts";
import {
  type BlobReader,
  type LedgerReader,
  MemoryDisk,
  openMemoryLedger,
} from "../../storage/index.ts";
import { startTinyRun, type TinyOptions, tinyConfig } from "../actors/tiny-run.ts";
import {
  tinyEncoder,
  tinyEnvironment,
  tinyOptimizer,
  tinyRunner,
  tinySampler,
  tinyTasks,
  tinyTrainer,
} from "../actors/tiny-world.ts";

/** Plays a run to its end; what it leaves on the disk. */
export async function playTiny(options: TinyOptions = {}): Promise<MemoryDisk> {
  const disk = options.disk ?? new MemoryDisk();
  const run = await startTinyRun({ ...options, disk });
  try {
    await run.head.done;
  } finally {
    await run.close();
  }
  return disk;
}

export type Readable = Pick<LedgerReader, "head" | "readAll" | "readRows" | "readStream"> & {
  readonly blobs: BlobReader;
};

/** Hands a disk's ledger to `use`. */
export async function withDisk<T>(
  disk: MemoryDisk,
  use: (reader: LedgerReader) => Promise<T>,
): Promise<T> {
  const ledger = await openMemoryLedger({ clock: () => 0, disk });
  try {
    return await use(ledger);
  } finally {
    await ledger.close();
  }
}

export interface TinyReplay {
  readonly recompute?: boolean;
  readonly config?: RunConfig;
  readonly exact?: boolean;
  readonly share?: number;
  /** Whether to replay it as one of which a server sampled the turns. */
  readonly server?: boolean;
  readonly from?: number;
  readonly to?: number;
  readonly run?: string;
}

/** Replays a run of the tiny world. */
export function replayTiny(reader: Readable, options: TinyReplay = {}) {
  const { recompute = false, config = tinyConfig(), exact = true } = options;
  const { share = 1, server = false } = options;
  const readBlob = (name: HashName) => reader.blobs.get(name);
  const range = {
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.to === undefined ? {} : { to: options.to }),
  };
  const tools = new ToolExecutor({
    runner: tinyRunner(),
    search: { query: async () => ({ text: "", observed: {} }) },
    blobs: { get: readBlob, put: async (bytes) => hashName(bytes) },
    callsActiveMax: 2,
  });
  return replayRun<unknown>({
    reader,
    run: options.run ?? "tiny",
    weightsOf: () => ({ trainer: tinyTrainer, optimizer: tinyOptimizer }),
    tasksOf: async () => tinyTasks(config.run.seed),
    comparePixels: async (image, reference) => (image === reference ? 0 : 100),
    ...range,
    ...(recompute
      ? {
          recomputationOf: (started, recorded, book) =>
            recomputation<unknown>(started, recorded, {
              environment: tinyEnvironment,
              rollout: server ? null : { encoder: tinyEncoder(readBlob), sampler: tinySampler() },
              trainer: tinyTrainer,
              optimizer: tinyOptimizer,
              tools,
              readBlob,
              exact,
              sample: sampleOf(share, book.hash),
            }),
        }
      : {}),
  });
}
