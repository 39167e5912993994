export type { RemoteLedgerOptions } from "./client.ts";
export { blobCacheBytesMax, connectLedger } from "./client.ts";
export { followLedger } from "./follow.ts";
export type { LedgerAddress } from "./protocol.ts";
export { checkpointsSubject, commitsSubject, pieceBytesMax } from "./protocol.ts";
export { announceCheckpoints, announceCommits, serveLedger } from "./server.ts";
