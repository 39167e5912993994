// The head of a safetensors file: 8 bytes of length, then JSON that names every tensor, its type,
// shape and place. https://huggingface.co/docs/safetensors: tensors fill the rest without gaps.
//
// Invariants: 1. a header that passes describes every byte after it exactly once;
//             2. the bytes of a header are a function of names, shapes and type alone: names are
//                sorted by code unit, and spaces pad it so that tensor data starts 8-aligned.
import { z } from "zod";
import { CheckpointError } from "./errors.ts";
import { parseJson } from "./json-file.ts";

/** Largest header the format allows, bytes. */
const safetensorsHeaderBytesMax = 100_000_000;
/** Length of the little-endian header size at the start of a file, bytes. */
export const safetensorsPrefixBytes = 8;

const elementBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

/** Element types of the format. */
export type TensorType = keyof typeof elementBytes;

/** Element types we write from float32 values. */
export type WritableTensorType = "BF16" | "F16" | "F32";

/** Type and shape of a tensor. */
export interface TensorForm {
  readonly dtype: TensorType;
  readonly shape: readonly number[];
}

/** Where one tensor lies. */
export interface TensorEntry extends TensorForm {
  /** Path of the file that holds it. */
  readonly file: string;
  /** Offset of its first byte from the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

const sizeSchema = z.int().nonnegative();
const tensorSchema = z.strictObject({
  dtype: z.enum(Object.keys(elementBytes) as [TensorType, ...TensorType[]]),
  shape: z.array(sizeSchema),
  data_offsets: z.tuple([sizeSchema, sizeSchema]),
});
const headerSchema = z.record(z.string(), z.unknown());
const metadataSchema = z.record(z.string(), z.string());

/** Bytes of one element. */
export function tensorElementBytes(dtype: TensorType): number {
  return elementBytes[dtype];
}

/** Whether values of this type are read as float32. */
export function isFloatType(dtype: TensorType): dtype is WritableTensorType {
  return dtype === "F32" || dtype === "BF16" || dtype === "F16";
}

/** Number of elements of `shape`; a scalar has one. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Checks the header length at the start of a file of `fileBytes`.
 *
 * @throws CheckpointError when the file is too short for it or it is above the format's limit.
 */
export function parseHeaderLength(prefix: Uint8Array, file: string, fileBytes: number): number {
  if (prefix.byteLength < safetensorsPrefixBytes)
    throw truncated(file, safetensorsPrefixBytes, fileBytes);
  const view = new DataView(prefix.buffer, prefix.byteOffset, safetensorsPrefixBytes);
  const length = Number(view.getBigUint64(0, true));
  if (length > safetensorsHeaderBytesMax) {
    throw new CheckpointError(
      "checkpoint.header_too_large",
      `${file}: the header claims ${length} bytes, above the format's limit of ` +
        `${safetensorsHeaderBytesMax}; is it a safetensors file?`,
      { facts: { file, bytes: length, limit: safetensorsHeaderBytesMax } },
    );
  }
  if (safetensorsPrefixBytes + length > fileBytes) {
    throw truncated(file, safetensorsPrefixBytes + length, fileBytes);
  }
  return length;
}

/**
 * Parses the JSON `header` of `file`, which has `fileBytes` in all.
 *
 * @throws CheckpointError naming the file and the tensor whose entry is malformed, overlaps
 * another, leaves a gap, contradicts its shape or ends past the file.
 */
export function parseHeader(
  header: Uint8Array,
  file: string,
  fileBytes: number,
): Map<string, TensorEntry> {
  const text = new TextDecoder().decode(header);
  const place = `${file}, header`;
  const dataStart = safetensorsPrefixBytes + header.byteLength;
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(parseJson(text, place, headerSchema))) {
    if (name === "__metadata__") {
      checkEntry(metadataSchema, value, file, name);
      continue;
    }
    const { dtype, shape, data_offsets } = checkEntry(tensorSchema, value, file, name);
    const [begin, end] = data_offsets;
    const expected = elementCount(shape) * elementBytes[dtype];
    if (end - begin !== expected) {
      throw entryError(
        file,
        name,
        `${dtype} [${shape}] takes ${expected} bytes, not ${end - begin}`,
      );
    }
    const byteOffset = dataStart + begin;
    entries.set(name, { dtype, shape, file, byteOffset, byteLength: expected });
  }
  requireCover(entries, file, dataStart, fileBytes);
  return entries;
}

/** Bytes of prefix and header for tensors whose data follow in the order of their sorted names. */
export function formatHeader(forms: ReadonlyMap<string, TensorForm>): Uint8Array {
  // transformers refuses files whose metadata do not say which framework laid the tensors out.
  const header = new Map<string, unknown>([["__metadata__", { format: "pt" }]]);
  let offset = 0;
  for (const name of sortedNames(forms.keys())) {
    const { dtype, shape } = forms.get(name) ?? { dtype: "F32", shape: [0] };
    const end = offset + elementCount(shape) * elementBytes[dtype];
    header.set(name, { dtype, shape, data_offsets: [offset, end] });
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const bytes = new Uint8Array(safetensorsPrefixBytes + Math.ceil(json.length / 8) * 8).fill(0x20);
  const length = bytes.length - safetensorsPrefixBytes;
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, safetensorsPrefixBytes);
  return bytes;
}

/** Names in the order of their UTF-16 code units, whatever the locale. */
export function sortedNames(names: Iterable<string>): string[] {
  return [...names].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
}

function requireCover(
  entries: ReadonlyMap<string, TensorEntry>,
  file: string,
  dataStart: number,
  fileBytes: number,
): void {
  const ordered = [...entries].sort(
    ([, left], [, right]) =>
      left.byteOffset - right.byteOffset || left.byteLength - right.byteLength,
  );
  let end = dataStart;
  for (const [name, { byteOffset, byteLength }] of ordered) {
    if (byteOffset !== end) {
      const fault = byteOffset < end ? "overlaps the tensor before it" : "leaves a gap before it";
      throw entryError(file, name, `its data ${fault} (at byte ${byteOffset}, expected ${end})`);
    }
    end = byteOffset + byteLength;
    if (end > fileBytes) throw truncated(file, end, fileBytes, name);
  }
  if (end === fileBytes) return;
  throw new CheckpointError(
    "checkpoint.trailing_bytes",
    `${file}: ${fileBytes - end} bytes after the last tensor belong to none`,
    { facts: { file, expected: end, bytes: fileBytes } },
  );
}

function checkEntry<T>(schema: z.ZodType<T>, value: unknown, file: string, name: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw entryError(file, name, z.prettifyError(result.error));
}

function entryError(file: string, name: string, fault: string): CheckpointError {
  return new CheckpointError("checkpoint.tensor_entry", `${file}: tensor ${name}: ${fault}`, {
    facts: { file, tensor: name },
  });
}

function truncated(file: string, needed: number, bytes: number, name?: string): CheckpointError {
  const whose = name === undefined ? "its header" : `tensor ${name}`;
  return new CheckpointError(
    "checkpoint.truncated",
    `${file} is cut short: ${whose} ends at byte ${needed}, the file has ${bytes}; fetch it again`,
    { facts: { file, needed, bytes, ...(name === undefined ? {} : { tensor: name }) } },
  );
}
