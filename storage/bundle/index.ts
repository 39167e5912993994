// Bundles: a run in one compressed file, flat and in a stated form (docs/bundle.md).
export { adapterFilesIn } from "./adapter-files.ts";
export { BundleError, type BundleErrorCode } from "./errors.ts";
export type { AdapterFile, BundleTotals } from "./grammar.ts";
export type { BundleManifest, ModelFile } from "./manifest.ts";
export { type BundleParts, type BundleProgress, packBundle } from "./pack.ts";
export { type BundleSource, openBundleSource } from "./source.ts";
export { type OmittedBlob, type UnpackedBundle, unpackBundle } from "./unpack.ts";
