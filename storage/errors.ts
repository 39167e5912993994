// What can go wrong with a ledger that the world causes.
import { RetryableError, TerminalError } from "../events/index.ts";

/** Why a ledger refused or failed. */
export type LedgerErrorCode =
  /** The writer's lease was given to somebody else: stop writing, the work is no longer yours. */
  | "ledger-stale-epoch"
  /** The stream went on since the writer read it: read, fold and decide again. */
  | "ledger-stale-sequence"
  /** The events name a blob that is not stored: put the blob first. */
  | "ledger-missing-blob"
  /** The request breaks a rule of its form or a limit. */
  | "ledger-invalid-request"
  /** A commit failed or another writer took over. Nothing more is written; open the ledger anew. */
  | "ledger-failed"
  | "ledger-closed"
  /** Another live process has the run directory open for writing. */
  | "ledger-in-use"
  /** There is no ledger where one was expected. */
  | "ledger-missing"
  /** It is a copy that is not whole yet. */
  | "ledger-partial"
  /** What lies there is no beginning of the ledger that is copied. */
  | "ledger-other"
  /** What is stored contradicts itself. */
  | "ledger-corrupt";

/** A refused or failed ledger operation. The code says what the caller can do. */
export class LedgerError extends TerminalError {
  declare readonly code: LedgerErrorCode;
}

/** Too much waits to be written. The same append under the same command may succeed later. */
export class LedgerBusyError extends RetryableError {
  constructor(pendingBytes: number, pendingBytesMax: number) {
    super(
      "ledger-busy",
      `${pendingBytes} bytes wait to be written, at most ${pendingBytesMax} may: append more slowly`,
      { facts: { pendingBytes, pendingBytesMax } },
    );
  }
}

/** Why a signed note or one of its keys was refused. */
export type NoteErrorCode =
  /** The text has not the form of a note, or not that of a checkpoint. */
  | "note-malformed"
  /** A signature by a known key is not over this text: the note was changed or forged. */
  | "note-signature"
  /** What should be a key is none, or others may read what is secret. */
  | "note-key";

/** A signed note, or a key for them, that cannot be used. */
export class NoteError extends TerminalError {
  declare readonly code: NoteErrorCode;
}
