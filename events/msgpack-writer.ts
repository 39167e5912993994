// Writes plain data as msgpack, checking it on the way: one walk, one buffer. The bytes are those
// of @msgpack/msgpack (a test compares them); what that library would drop or convert in silence
// is refused here. Profiled: the walk is the largest single cost of an append.
//
// The buffer is shared by all calls. Nothing that runs inside a write can call another one: plain
// data has no code, and getters and proxies are not plain data.

/** Why a value cannot be written: it is not data, or it takes more bytes than are allowed. */
export type WriteFlaw = "value" | "oversize";

/** What the writer is told about number arrays, depth and size. */
export interface WriteLimits {
  readonly depthMax: number;
  readonly bytesMax: number;
  /** The extension type of a number array, or undefined. */
  readonly extensionTypeOf: (array: ArrayBufferView) => number | undefined;
}

const headBytesMax = 9;
const utf8BytesPerChar = 3;
const shortTextChars = 40;
const halfSurrogate = /\p{Surrogate}/u;

let buffer = Buffer.alloc(64 * 1024);
let view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
let position = 0;
let limits: WriteLimits = { depthMax: 0, bytesMax: 0, extensionTypeOf: () => undefined };

/** Writes `value`; the bytes lie in the shared buffer and are valid until the next call. */
export function writeMsgpack(value: unknown, within: WriteLimits): Uint8Array | WriteFlaw {
  position = 0;
  limits = within;
  const isWritten = write(value, 0);
  if (position > limits.bytesMax) return "oversize";
  return isWritten ? buffer.subarray(0, position) : "value";
}

// Each part answers whether it wrote all of its value. Where the bytes become too many, the walk
// ends with `position` beyond the limit.

function reserve(size: number): void {
  if (position + size <= buffer.length) return;
  const larger = Buffer.alloc((position + size) * 2);
  buffer.copy(larger, 0, 0, position);
  buffer = larger;
  view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function write(value: unknown, depth: number): boolean {
  if (position > limits.bytesMax) return false;
  reserve(headBytesMax);
  switch (typeof value) {
    case "string":
      return writeText(value);
    case "number":
      return writeNumber(value);
    case "boolean":
      buffer[position++] = value ? 0xc3 : 0xc2;
      return true;
    case "object":
      if (value !== null) return writeObject(value, depth);
      buffer[position++] = 0xc0;
      return true;
    default:
      return false;
  }
}

function writeNumber(value: number): boolean {
  if (value >= 0 && value < 0x80 && Number.isInteger(value)) buffer[position++] = value;
  else if (!Number.isSafeInteger(value)) {
    buffer[position] = 0xcb;
    view.setFloat64(position + 1, value);
    position += 9;
  } else if (value >= 0) writeUnsigned(value);
  else writeNegative(value);
  return true;
}

function writeUnsigned(value: number): void {
  if (value < 0x1_0000_0000) writeSized(value, 0xcc, 0xcd, 0xce);
  else {
    buffer[position] = 0xcf;
    view.setUint32(position + 1, Math.floor(value / 0x1_0000_0000));
    view.setUint32(position + 5, value % 0x1_0000_0000);
    position += 9;
  }
}

function writeNegative(value: number): void {
  if (value >= -0x20) buffer[position++] = value + 0x100;
  else if (value >= -0x80) {
    buffer[position] = 0xd0;
    view.setInt8(position + 1, value);
    position += 2;
  } else if (value >= -0x8000) {
    buffer[position] = 0xd1;
    view.setInt16(position + 1, value);
    position += 3;
  } else if (value >= -0x8000_0000) {
    buffer[position] = 0xd2;
    view.setInt32(position + 1, value);
    position += 5;
  } else {
    buffer[position] = 0xd3;
    const high = Math.floor(value / 0x1_0000_0000);
    view.setInt32(position + 1, high);
    view.setUint32(position + 5, value - high * 0x1_0000_0000);
    position += 9;
  }
}

/** A head byte by the width that `size` needs, and `size` behind it. */
function writeSized(size: number, head8: number, head16: number, head32: number): void {
  if (size < 0x100 && head8 !== 0) {
    buffer[position] = head8;
    buffer[position + 1] = size;
    position += 2;
  } else if (size < 0x1_0000) {
    buffer[position] = head16;
    view.setUint16(position + 1, size);
    position += 3;
  } else {
    buffer[position] = head32;
    view.setUint32(position + 1, size);
    position += 5;
  }
}

function writeTextHead(size: number): void {
  if (size < 0x20) buffer[position++] = 0xa0 + size;
  else writeSized(size, 0xd9, 0xda, 0xdb);
}

function writeText(text: string): boolean {
  const { length } = text;
  if (length > limits.bytesMax) return leave(length);
  reserve(headBytesMax + length * utf8BytesPerChar);
  const start = position;
  writeTextHead(length);
  // Text is nearly always ASCII: as many bytes as characters.
  if (length <= shortTextChars && writeShortAscii(text)) return true;
  const size = buffer.write(text, position, "utf8");
  if (size !== length) {
    if (halfSurrogate.test(text)) return false;
    position = start;
    writeTextHead(size);
    buffer.write(text, position, "utf8");
  }
  position += size;
  return true;
}

/** Ends the walk: what comes next takes at least `size` bytes, and that is too much. */
function leave(size: number): false {
  position += size;
  return false;
}

/** Faster than the native call for a few characters. False, and nothing written, if not ASCII. */
function writeShortAscii(text: string): boolean {
  const { length } = text;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return false;
    buffer[position + index] = code;
  }
  position += length;
  return true;
}

function writeObject(value: object, depth: number): boolean {
  if (ArrayBuffer.isView(value)) return writeArrayBytes(value);
  if (depth === limits.depthMax) return false;
  if (Array.isArray(value)) return writeList(value, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return writeMap(value as Readonly<Record<string, unknown>>, depth);
}

function writeList(list: readonly unknown[], depth: number): boolean {
  if (list.length < 16) buffer[position++] = 0x90 + list.length;
  else writeSized(list.length, 0, 0xdc, 0xdd);
  for (let index = 0; index < list.length; index++) {
    if (!write(list[index], depth + 1)) return false;
  }
  return true;
}

function writeMap(map: Readonly<Record<string, unknown>>, depth: number): boolean {
  const keys = Object.keys(map);
  if (keys.length < 16) buffer[position++] = 0x80 + keys.length;
  else writeSized(keys.length, 0, 0xde, 0xdf);
  for (const key of keys) {
    if (key === "__proto__" || !writeText(key)) return false;
    if (!write(map[key], depth + 1)) return false;
  }
  return true;
}

function writeArrayBytes(array: ArrayBufferView): boolean {
  const size = array.byteLength;
  if (size > limits.bytesMax) return leave(size);
  if (array instanceof Uint8Array) writeSized(size, 0xc4, 0xc5, 0xc6);
  else {
    const type = limits.extensionTypeOf(array);
    if (type === undefined) return false;
    writeExtensionHead(size);
    buffer[position++] = type;
  }
  reserve(size);
  buffer.set(new Uint8Array(array.buffer, array.byteOffset, size), position);
  position += size;
  return true;
}

// 1, 2, 4, 8 and 16 bytes have a head of their own.
function writeExtensionHead(size: number): void {
  const power = 31 - Math.clz32(size);
  if (size >= 1 && size <= 16 && size === 1 << power) buffer[position++] = 0xd4 + power;
  else writeSized(size, 0xc7, 0xc8, 0xc9);
}
