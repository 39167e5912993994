// Writes a run's checkpoints, outside the LMDB environment: an attacker, or a disk, that changes
// the ledger has to change this file as well, and cannot without the key.
//
// 1. Append-only and flushed. A note that a power cut has left half is cut off before the next one.
// 2. No checkpoint is signed that contradicts an earlier one of the file: a ledger that has lost
//    events that were signed is refused, and the run does not go on over the loss.
import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Chain } from "./chain.ts";
import {
  type Checkpoint,
  checkpointKeysFile,
  checkpointsFile,
  checkpointText,
  cutNotes,
  originOf,
  parseCheckpoint,
} from "./checkpoint.ts";
import { LedgerError } from "./errors.ts";
import type { LedgerReader } from "./ledger.ts";
import { syncDirectory } from "./lmdb-env.ts";
import { openNote, type SigningKey } from "./signed-note.ts";

export interface CheckpointOptions {
  /** The run directory. */
  readonly directory: string;
  readonly run: string;
  readonly ledger: LedgerReader;
  readonly key: SigningKey;
  /** Every note that was written: for whoever keeps it elsewhere. */
  readonly onSigned?: (note: string) => void;
}

/** The checkpoints of a run that is being written. */
export interface CheckpointLog {
  /** Signs what is durable now, unless that was signed already. */
  sign(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the checkpoints of a run to add to them.
 * @throws {LedgerError} ledger-corrupt where the ledger contradicts what was signed
 * @throws {NoteError}
 */
export async function openCheckpointLog(options: CheckpointOptions): Promise<CheckpointLog> {
  const { directory, ledger, key } = options;
  const file = join(directory, checkpointsFile);
  const { notes, rest } = cutNotes(await textOf(file));
  const last = lastOwn(notes, key);
  if (last !== null) await checkAgainst(ledger, last, file);
  await addKey(join(directory, checkpointKeysFile), key);
  const handle = await open(file, "a");
  if (rest !== "") {
    const { size } = await handle.stat();
    await handle.truncate(size - Buffer.byteLength(rest));
  }
  await syncDirectory(directory);
  return new FileCheckpoints(options, handle, last?.size ?? 0);
}

class FileCheckpoints implements CheckpointLog {
  readonly #options: CheckpointOptions;
  readonly #handle: FileHandle;
  readonly #origin: string;
  #size: number;
  #last: Promise<void> = Promise.resolve();

  constructor(options: CheckpointOptions, handle: FileHandle, size: number) {
    this.#options = options;
    this.#handle = handle;
    this.#size = size;
    this.#origin = originOf(options.key.verifier.name, options.run);
  }

  sign(): Promise<void> {
    const signed = this.#last.then(() => this.#sign());
    this.#last = signed.catch(() => {});
    return signed;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#handle.close();
  }

  async #sign(): Promise<void> {
    const { ledger, key, onSigned } = this.#options;
    const head = await ledger.head();
    if (head.size <= this.#size) return;
    const note = key.sign(checkpointText({ origin: this.#origin, ...head }));
    await this.#handle.write(`${note}\n`);
    await this.#handle.sync();
    this.#size = head.size;
    onSigned?.(note);
  }
}

/** The last checkpoint that `key` has signed; those of other keys are not ours to answer for. */
function lastOwn(notes: readonly string[], key: SigningKey): Checkpoint | null {
  for (const note of [...notes].reverse()) {
    const { text, signers } = openNote(note, [key.verifier]);
    if (signers.length > 0) return parseCheckpoint(text);
  }
  return null;
}

async function checkAgainst(
  ledger: LedgerReader,
  { size, hash }: Checkpoint,
  file: string,
): Promise<void> {
  const chain = new Chain();
  let events = 0;
  while (events < size) {
    const page = await ledger.readRows(events + 1, size - events);
    if (page.length === 0) break;
    for (const { bytes } of page) chain.add(bytes);
    events += page.length;
  }
  if (events === size && Buffer.from(chain.hash).toString("hex") === hash) return;
  const what = events < size ? `it holds ${events}` : "they are others now";
  throw new LedgerError(
    "ledger-corrupt",
    `${file} has signed ${size} events of this ledger and ${what}: restore the run directory ` +
      "from a copy; varft audit says more",
    { facts: { size, events } },
  );
}

async function addKey(file: string, { verifier }: SigningKey): Promise<void> {
  const lines = (await textOf(file)).split("\n");
  if (lines.includes(verifier.text)) return;
  const handle = await open(file, "a");
  try {
    await handle.write(`${verifier.text}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return "";
    throw thrown;
  }
}
