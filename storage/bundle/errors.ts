// What can be wrong with a bundle.
import { TerminalError } from "../../events/index.ts";

/** Why a bundle was refused. */
export type BundleErrorCode =
  /** The bytes of the file are not as they were written: another copy may be whole. */
  | "bundle-damaged"
  /** What it holds has not the form of a bundle. */
  | "bundle-malformed"
  /** Of a version that this build does not read. */
  | "bundle-version"
  /** The run cannot be bundled as it is. */
  | "bundle-refused";

/** A bundle that cannot be read, or a run of which none can be made. */
export class BundleError extends TerminalError {
  declare readonly code: BundleErrorCode;
}
