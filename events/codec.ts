// The codec: plain data to msgpack bytes and back, for the ledger and for the bus.
//
// 1. decode(encode(x)) equals x, for null, booleans, numbers, well-formed text, byte arrays, number
//    arrays (typed), lists and plain maps with text keys. Maps keep their order. `-0` becomes `0`.
//    Everything else is refused by name and place: nothing is dropped or converted in silence.
// 2. Equal data give equal bytes: whole numbers take the shortest integer form, others float64.
// 3. Number arrays are little-endian bytes under an extension type (`numberArrays` below), so that
//    they come back as what they were. `Uint8Array` is msgpack `bin`.
// 4. Foreign bytes cost memory in proportion to their size and end in a `CodecError` or a value.
import { endianness } from "node:os";
import { DecodeError, Decoder, type ExtensionCodecType } from "@msgpack/msgpack";
import { assert, ensureError, TerminalError } from "./errors.ts";
import { scanMsgpack } from "./msgpack-scan.ts";
import { writeMsgpack } from "./msgpack-writer.ts";

/** The largest encoded event, in bytes. Larger values belong into blobs. */
export const eventBytesMax = 256 * 1024;
/** The largest encoded request or reply on the bus, in bytes. */
export const requestBytesMax = 768 * 1024;
/** The deepest nesting of lists and maps. */
export const codecDepthMax = 64;

/** What was wrong with data or bytes. */
export type CodecErrorCode = "codec-oversize" | "codec-value" | "codec-malformed";

/** Data that cannot be encoded, or bytes that are not one well-formed value within the limits. */
export class CodecError extends TerminalError {
  declare readonly code: CodecErrorCode;
}

type NumberArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | BigInt64Array;

interface NumberArrayClass {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): NumberArray;
}

// Extension type -> array class. These numbers are in every stored event: never reuse or change
// one.
const numberArrays: ReadonlyMap<number, NumberArrayClass> = new Map<number, NumberArrayClass>([
  [1, Float32Array],
  [2, Float64Array],
  [3, Int32Array],
  [4, Uint32Array],
  [5, Int16Array],
  [6, Uint16Array],
  [7, Int8Array],
  [8, BigInt64Array],
]);
const extensionTypes: ReadonlyMap<unknown, number> = new Map(
  [...numberArrays].map(([type, array]) => [array, type]),
);

assert(endianness() === "LE", "number arrays are stored as the host has them: little-endian");

const extensionTypeOf = (array: ArrayBufferView): number | undefined =>
  extensionTypes.get(array.constructor);

const extensions: ExtensionCodecType<undefined> = {
  tryToEncode: () => null,
  decode(bytes, type) {
    const array = numberArrays.get(type);
    if (array === undefined) throw new DecodeError(`unknown extension type ${type}`);
    if (bytes.length % array.BYTES_PER_ELEMENT !== 0) {
      throw new DecodeError(`${bytes.length} bytes are not a whole ${array.name}`);
    }
    return new array(bytes.slice().buffer as ArrayBuffer);
  },
};

const decoder = new Decoder({
  extensionCodec: extensions,
  mapKeyConverter(key) {
    if (typeof key !== "string") throw new DecodeError(`a map key is a ${typeof key}, not text`);
    return key;
  },
});

/**
 * Encodes plain data.
 * @param bytesMax the largest result, in bytes: `eventBytesMax` or `requestBytesMax`
 * @throws {CodecError} codec-value (with the place), codec-oversize
 */
export function encode(value: unknown, bytesMax: number = requestBytesMax): Uint8Array {
  return Uint8Array.from(encodeShared(value, bytesMax));
}

/**
 * The same without a copy: the bytes are valid until anything is encoded again.
 * @throws {CodecError} codec-value, codec-oversize
 */
export function encodeShared(value: unknown, bytesMax: number): Uint8Array {
  const written = writeMsgpack(value, { depthMax: codecDepthMax, bytesMax, extensionTypeOf });
  if (written === "oversize") throw oversize(`more than ${bytesMax}`, bytesMax);
  if (written === "value") {
    throw new CodecError("codec-value", `cannot encode value${flawOf(value, 0)}`);
  }
  return written;
}

/**
 * Decodes one value. Byte arrays in the result are views of `bytes`; number arrays are copies.
 * @param bytesMax the largest input, in bytes
 * @param depthMax the deepest nesting
 * @throws {CodecError} codec-oversize, codec-malformed
 */
export function decode(
  bytes: Uint8Array,
  bytesMax: number = requestBytesMax,
  depthMax: number = codecDepthMax,
): unknown {
  if (bytes.length > bytesMax) throw oversize(`${bytes.length}`, bytesMax);
  const flaw = scanMsgpack(bytes, depthMax);
  if (flaw !== null) throw malformed(`${flaw.reason} at byte ${flaw.offset}`, null);
  try {
    // A Node `Buffer` would make every byte array inside a `Buffer` too.
    return decoder.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (thrown) {
    throw malformed(ensureError(thrown).message, thrown);
  }
}

function malformed(reason: string, cause: unknown): CodecError {
  return new CodecError("codec-malformed", `not a msgpack value: ${reason}`, { cause });
}

function oversize(size: string, bytesMax: number): CodecError {
  return new CodecError(
    "codec-oversize",
    `${size} bytes encoded, at most ${bytesMax} are allowed: move large values into blobs`,
    { facts: { bytesMax } },
  );
}

// Where is the flaw? Asked only when there is one; the place is built on the way back from it.

function flawOf(value: unknown, depth: number): string | null {
  switch (typeof value) {
    case "boolean":
    case "number":
      return null;
    case "string":
      return isWellFormed(value) ? null : ": text with half a surrogate pair";
    case "object":
      return value === null ? null : flawOfObject(value, depth);
    default:
      return `: ${typeof value} is not data`;
  }
}

function flawOfObject(value: object, depth: number): string | null {
  if (ArrayBuffer.isView(value)) {
    const known = value instanceof Uint8Array || extensionTypes.has(value.constructor);
    return known ? null : `: ${value.constructor.name} is not a known array`;
  }
  if (depth === codecDepthMax) return `: more than ${codecDepthMax} levels`;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const flaw = flawOf(value[index], depth + 1);
      if (flaw !== null) return `[${index}]${flaw}`;
    }
    return null;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return `: ${value.constructor?.name ?? "object"} is not a plain object`;
  }
  return flawOfMap(value as Readonly<Record<string, unknown>>, depth);
}

function flawOfMap(map: Readonly<Record<string, unknown>>, depth: number): string | null {
  for (const key of Object.keys(map)) {
    const flaw =
      key === "__proto__" || !isWellFormed(key) ? ": forbidden key" : flawOf(map[key], depth + 1);
    if (flaw !== null) return `.${key}${flaw}`;
  }
  return null;
}

const halfSurrogate = /\p{Surrogate}/u;

function isWellFormed(text: string): boolean {
  return !halfSurrogate.test(text);
}
