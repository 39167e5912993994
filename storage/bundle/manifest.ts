// The first record of a bundle, in words: what it holds, and what the run was made with. All of it
// is a claim; whoever verifies a bundle holds it against the events.
import { z } from "zod";
import { ensureError, eventSchemas, type HashName, isHashName } from "../../events/index.ts";
import { malformed } from "./records.ts";

const hash = z.custom<HashName>((value) => typeof value === "string" && isHashName(value));
const digits = z.string().regex(/^[0-9a-f]{64}$/);
const short = z.string().max(1_024);
/** A run's name is the name of its folder: no path leads elsewhere. */
const runName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/);

/** A file of the checkpoint that a run began with. */
const modelFile = z.strictObject({
  file: z.string().regex(/^[^/\\\n]{1,255}$/),
  bytes: z.int().nonnegative(),
  sha256: digits,
});

const schema = z.strictObject({
  run: runName,
  /** How many events, and the chain's hash after the last one. */
  events: z.int().nonnegative(),
  chain: digits,
  /** `running`: taken at its latest checkpoint, while it went on. */
  state: z.enum(["completed", "stopped", "running"]),
  numericClass: eventSchemas["run.started"].shape.numericClass,
  /** Names the checkpoint's files, which are no part of a bundle. */
  base: hash,
  /** They, where they were there. `base` is the hash of their hashes and names. */
  model: z.array(modelFile).max(10_000).nullable(),
  /** What made the bundle. */
  madeBy: z.strictObject({ varft: short, code: short, lockFile: hash.nullable() }),
});

/** What a bundle says of itself. */
export type BundleManifest = z.infer<typeof schema>;
export type ModelFile = z.infer<typeof modelFile>;

/** Equal manifests have equal bytes. */
export function encodeManifest(manifest: BundleManifest): Buffer {
  return Buffer.from(`${JSON.stringify(schema.parse(manifest), null, 2)}\n`);
}

/** @throws {BundleError} */
export function decodeManifest(bytes: Uint8Array, place: number): BundleManifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed(place, `the manifest is no JSON: ${ensureError(cause).message}`, cause);
  }
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const where = issue?.path.join(".") ?? "";
  throw malformed(place, `the manifest does not fit: ${where}: ${issue?.message ?? ""}`);
}
