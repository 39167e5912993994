// The engine that learns the steps of a run again.
import { access } from "node:fs/promises";
import {
  checkpointHash,
  EvidenceError,
  initialPolicy,
  openLearnerPolicy,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { type EventData, ensureError, type HashName, hashName } from "../../events/index.ts";
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
  /** The record came from elsewhere: places that it names are not opened. */
  readonly isForeign: boolean;
}

/**
 * Opens the run's trainer and optimizer, and says how exactly they can repeat what it learned.
 * @throws {NotFoundError} no checkpoint @throws {EvidenceError} another one
 */
export async function openRelearning(options: RelearningOptions, closers: Closers) {
  const { started, config, reader, env } = options;
  const unproven = await requireBeginning(options);
  const readBlob = (name: HashName) => reader.blobs.get(name);
  const { sandbox, engine = null } = started.numericClass;
  const here = await runClassOf({ config, sandbox, engine, path: env["PATH"] ?? "" });
  const otherClass = differenceOf(here, started.numericClass);
  const { trainer, optimizer, close } = await openLearnerPolicy(config, readBlob);
  closers.add(close);
  // Where bytes may depend on the batch, nobody promised that they are equal.
  const exact = otherClass === null && config.determinism === "strict";
  return { otherClass, exact, unproven, trainer, optimizer };
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
    `the checkpoint in ${directory} is another model: it is ${found}, the run began with ${base}; ` +
      "--model DIR has to name a folder that holds that one",
  );
}

/**
 * Another beginning would differ everywhere and prove nothing. What of it is taken as it is
 * recorded, in words; null: nothing.
 */
async function requireBeginning(options: RelearningOptions): Promise<string | null> {
  const { started, config } = options;
  await requireCheckpoint(started, config);
  const { policy, optimizer, parent } = started;
  // What a fork begins with was learned, and is not made of the checkpoint.
  if (parent !== undefined) return null;
  const given = givenPlace(config);
  if (given !== null) return requireGiven(given, options);
  const initial = await initialPolicy(config);
  if (hashName(initial.policy) === policy && hashName(initial.optimizer) === optimizer) return null;
  throw new EvidenceError(
    `the checkpoint in ${config.model.directory} makes ${hashName(initial.policy)} of itself, the ` +
      `run says it began with ${policy}`,
  );
}

/** Where the policy of an evaluation was read that is not the checkpoint itself. */
interface GivenPlace {
  readonly what: string;
  readonly directory: string;
}

function givenPlace({ policy }: RunConfig): GivenPlace | null {
  if (policy?.type === "adapter") {
    return { what: `the adapter folder ${policy.directory}`, directory: policy.directory };
  }
  return policy?.type === "run" ? { what: `the run ${policy.run}`, directory: policy.run } : null;
}

/**
 * The policy itself is stored with the evaluation and is what is sampled with. Whether it is the
 * one of that place can be told only where the place is here; elsewhere that is said.
 */
async function requireGiven(
  { what, directory }: GivenPlace,
  { started: { policy }, config, isForeign }: RelearningOptions,
): Promise<string | null> {
  const recorded = `the policy ${policy} is taken as it is recorded: ${what} that it came from`;
  if (isForeign) return `${recorded} is not opened, a bundle's names are those of another host`;
  const isHere = await access(directory).then(
    () => true,
    () => false,
  );
  if (!isHere) return `${recorded} is not here`;
  const mend = "put back what it held, or move it away: the recorded policy is taken then";
  const found = await initialPolicy(config).catch((cause: unknown) => {
    const reason = ensureError(cause).message;
    throw new EvidenceError(
      `${what} does not give the recorded policy ${policy}: ${reason}; ${mend}`,
      { cause },
    );
  });
  const name = hashName(found.policy);
  if (name === policy) return null;
  throw new EvidenceError(`${what} gives ${name}, the evaluation began with ${policy}; ${mend}`);
}
