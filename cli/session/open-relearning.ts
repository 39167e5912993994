// The engine that learns the steps of a run again.
import {
  checkpointHash,
  EvidenceError,
  initialPolicy,
  openLearnerPolicy,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type EventData, type HashName, hashName } from "../../events/index.ts";
import { differenceOf } from "../../runtime/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { NotFoundError } from "../errors.ts";
import type { Closers } from "./closers.ts";
import { runClassOf } from "./devices.ts";

export interface RelearningOptions {
  readonly started: EventData<"run.started">;
  /** The run's own; its checkpoint folder may have been named anew. */
  readonly config: RunConfig;
  readonly reader: Pick<LedgerReader, "blobs">;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Opens the run's trainer and optimizer, and says how exactly they can repeat what it learned.
 * @throws {NotFoundError} no checkpoint @throws {EvidenceError} another one
 */
export async function openRelearning(options: RelearningOptions, closers: Closers) {
  const { started, config, reader, env } = options;
  await requireBase(started, config);
  const readBlob = (name: HashName) => reader.blobs.get(name);
  const { sandbox, engine = null } = started.numericClass;
  const here = await runClassOf({ config, sandbox, engine, path: env["PATH"] ?? "" });
  const otherClass = differenceOf(here, started.numericClass);
  const { trainer, optimizer, close } = await openLearnerPolicy(config, readBlob);
  closers.add(close);
  // Where bytes may depend on the batch, nobody promised that they are equal.
  const exact = otherClass === null && config.determinism === "strict";
  return { otherClass, exact, trainer, optimizer };
}

/** @throws {NotFoundError} no checkpoint @throws {EvidenceError} another one than the run's */
export async function requireCheckpoint(
  { base }: EventData<"run.started">,
  { model: { directory } }: RunConfig,
): Promise<void> {
  const found = await checkpointHash(directory).catch((cause: unknown) => {
    const words = `the checkpoint in ${directory} cannot be read`;
    throw new NotFoundError(`${words}: name its folder with --model DIR`, { cause });
  });
  if (found === base) return;
  throw new EvidenceError(
    `the checkpoint in ${directory} is ${found}, the run began with ${base}: ` +
      "name its folder with --model DIR",
  );
}

/** Another checkpoint would differ everywhere and prove nothing. */
async function requireBase(started: EventData<"run.started">, config: RunConfig): Promise<void> {
  await requireCheckpoint(started, config);
  const { policy, optimizer, parent } = started;
  // What a fork begins with was learned, and is not made of the checkpoint.
  if (parent !== undefined) return;
  const initial = await initialPolicy(config);
  if (hashName(initial.policy) === policy && hashName(initial.optimizer) === optimizer) return;
  throw new EvidenceError(
    `the checkpoint in ${config.model.directory} makes ${hashName(initial.policy)} of itself, the ` +
      `run says it began with ${policy}`,
  );
}
