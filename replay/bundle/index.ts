// A run as one file: made, and held against itself.
export {
  type BundleIdentity,
  type BundleRunOptions,
  bundleRun,
  type MadeBundle,
} from "./bundle-run.ts";
export { type BundleClaims, claimFault } from "./claims.ts";
export { unreadableVerdict, type Verified, verifiedVerdict } from "./conclude.ts";
