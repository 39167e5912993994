// SHA-256 names. Blobs, policies and optimizer states are called `sha256:<hex>`.
import { createHash } from "node:crypto";

/** A content name: `sha256:` and 64 lower-case hexadecimal digits. */
export type HashName = `sha256:${string}`;

const prefix = "sha256:";
const hashNamePattern = /^sha256:[0-9a-f]{64}$/;

/** SHA-256 of the concatenation of `parts` (strings as UTF-8), as 32 raw bytes. */
export function sha256Bytes(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** SHA-256 of the concatenation of `parts`, as 64 hexadecimal digits. */
export function sha256Hex(...parts: readonly (Uint8Array | string)[]): string {
  return Buffer.from(sha256Bytes(...parts)).toString("hex");
}

/** The content name of `bytes`. */
export function hashName(bytes: Uint8Array): HashName {
  return `sha256:${sha256Hex(bytes)}`;
}

/** Tells whether `text` has the form of a content name. */
export function isHashName(text: string): text is HashName {
  return hashNamePattern.test(text);
}

const hashBytes = 32;

/** Names as their bytes, one after the other. */
export function packHashes(names: readonly HashName[]): Uint8Array {
  return Buffer.concat(names.map((name) => Buffer.from(name.slice(prefix.length), "hex")));
}

/** The names in packed bytes. */
export function unpackHashes(bytes: Uint8Array): HashName[] {
  return Array.from({ length: Math.floor(bytes.length / hashBytes) }, (_, index): HashName => {
    const name = bytes.subarray(index * hashBytes, (index + 1) * hashBytes);
    return `sha256:${Buffer.from(name).toString("hex")}`;
  });
}

/** Every name that stands anywhere in a value: some of them name blobs. */
export function* hashNamesIn(value: unknown): Generator<HashName> {
  if (typeof value === "string" && isHashName(value)) yield value;
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return;
  for (const inner of Object.values(value)) yield* hashNamesIn(inner);
}
