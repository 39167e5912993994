// The ledger: the events of a run, their chain, their leases and their blobs.
export { type ChainVerdict, verifyChain } from "./chain.ts";
export { LedgerBusyError, LedgerError, type LedgerErrorCode } from "./errors.ts";
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
  type MemoryLedgerOptions,
  openLedger,
  openLedgerReader,
  openMemoryLedger,
} from "./open.ts";
