// The ledger: the events of a run, their chain, their leases and their blobs.
export {
  type AdapterFile,
  adapterFilesIn,
  BundleError,
  type BundleErrorCode,
  type BundleManifest,
  type BundleParts,
  type BundleProgress,
  type BundleSource,
  type BundleTotals,
  type ModelFile,
  type OmittedBlob,
  openBundleSource,
  packBundle,
  type UnpackedBundle,
  unpackBundle,
} from "./bundle/index.ts";
export { Chain, type ChainVerdict, verifyChain } from "./chain.ts";
export {
  type Checkpoint,
  checkpointKeysFile,
  checkpointsFile,
  checkpointText,
  cutNotes,
  originOf,
  parseCheckpoint,
} from "./checkpoint.ts";
export {
  type CheckpointLog,
  type CheckpointOptions,
  openCheckpointLog,
} from "./checkpoint-log.ts";
export { type CopyOptions, type CopyProgress, type CopyReport, copyRun } from "./copy-run.ts";
export { LedgerBusyError, LedgerError, type LedgerErrorCode, NoteError } from "./errors.ts";
export { type Evidence, type IndexedPart, openEvidence, type TableSizes } from "./evidence.ts";
export { type Follower, type FollowOptions, follow, followMsDefault } from "./follow.ts";
export type {
  AppendPart,
  AppendRequest,
  BlobReader,
  Blobs,
  Head,
  Lease,
  Ledger,
  LedgerReader,
  StoredEvent,
  StoredRow,
} from "./ledger.ts";
export {
  blobBytesMax,
  eventsPerAppendMax,
  pageRowsMax,
  partsPerAppendMax,
  pendingBytesMax,
} from "./ledger.ts";
export { MemoryDisk, type MemoryFlush } from "./memory.ts";
export {
  type LedgerOptions,
  type LocalReader,
  type MemoryLedgerOptions,
  openLedger,
  openLedgerReader,
  openMemoryLedger,
  stoppedWriter,
} from "./open.ts";
export {
  type OpenedNote,
  openNote,
  parseSigningKey,
  parseVerifierKey,
  type SigningKey,
  type VerifierKey,
} from "./signed-note.ts";
export { newSigningKey, openSigningKey } from "./signing-key.ts";
export { type Compaction, openUpkeep, type Upkeep } from "./upkeep.ts";
export type { ReadEvent } from "./view.ts";
