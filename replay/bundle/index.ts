// A run as one file: made, and held against itself.
export { adapterFault } from "./adapter.ts";
export {
  type BundleIdentity,
  type BundleRunOptions,
  bundleRun,
  type MadeBundle,
} from "./bundle-run.ts";
export { type BundleClaims, claimFault } from "./claims.ts";
export { unreadableVerdict, type Verified, verifiedVerdict } from "./conclude.ts";
export type { LastPolicy } from "./row-reader.ts";
