// Walks over msgpack bytes before anything is built from them. A decoder allocates what a header
// announces: nested headers of a few bytes can announce gigabytes. After this walk the structure is
// whole, its depth is bounded, and no header announces more items than there are bytes left, so
// decoding costs memory in proportion to the input.

/** Why bytes are not one msgpack value: the reason and the offset where it shows. */
export interface ScanFlaw {
  readonly reason: "truncated" | "trailing" | "depth" | "head";
  readonly offset: number;
}

// Per head byte: how many bytes follow that give a length, how many fixed payload bytes follow,
// and how many values each unit of the length stands for (0: the length counts payload bytes).
const lengthWidth = new Uint8Array(256);
const fixedBytes = new Uint8Array(256);
const valuesPerUnit = new Uint8Array(256);
const smallLength = new Uint8Array(256);

for (let head = 0x80; head < 0xc0; head++) {
  if (head < 0x90) [valuesPerUnit[head], smallLength[head]] = [2, head - 0x80];
  else if (head < 0xa0) [valuesPerUnit[head], smallLength[head]] = [1, head - 0x90];
  else smallLength[head] = head - 0xa0;
}
const heads: readonly (readonly [head: number, width: number, fixed: number, values: number])[] = [
  [0xc4, 1, 0, 0], // bin
  [0xc5, 2, 0, 0],
  [0xc6, 4, 0, 0],
  [0xc7, 1, 1, 0], // ext, with its type byte
  [0xc8, 2, 1, 0],
  [0xc9, 4, 1, 0],
  [0xca, 0, 4, 0], // floats
  [0xcb, 0, 8, 0],
  [0xcc, 0, 1, 0], // unsigned
  [0xcd, 0, 2, 0],
  [0xce, 0, 4, 0],
  [0xcf, 0, 8, 0],
  [0xd0, 0, 1, 0], // signed
  [0xd1, 0, 2, 0],
  [0xd2, 0, 4, 0],
  [0xd3, 0, 8, 0],
  [0xd4, 0, 2, 0], // fixext
  [0xd5, 0, 3, 0],
  [0xd6, 0, 5, 0],
  [0xd7, 0, 9, 0],
  [0xd8, 0, 17, 0],
  [0xd9, 1, 0, 0], // str
  [0xda, 2, 0, 0],
  [0xdb, 4, 0, 0],
  [0xdc, 2, 0, 1], // array
  [0xdd, 4, 0, 1],
  [0xde, 2, 0, 2], // map
  [0xdf, 4, 0, 2],
];
for (const [head, width, fixed, values] of heads) {
  lengthWidth[head] = width;
  fixedBytes[head] = fixed;
  valuesPerUnit[head] = values;
}

/** The first flaw of `bytes` as exactly one msgpack value of at most `depthMax` levels, or null. */
export function scanMsgpack(bytes: Uint8Array, depthMax: number): ScanFlaw | null {
  const end = bytes.length;
  const left: number[] = []; // values still to come, per open list or map
  let pending = 1; // values still to come, over all levels
  let position = 0;
  while (pending > 0) {
    const offset = position;
    if (pending > end - offset) return { reason: "truncated", offset };
    const head = bytes[offset] as number;
    if (head === 0xc1) return { reason: "head", offset };
    const length = lengthAt(bytes, offset, head);
    const values = length * (valuesPerUnit[head] as number);
    const payload = (fixedBytes[head] as number) + (valuesPerUnit[head] === 0 ? length : 0);
    position += 1 + (lengthWidth[head] as number) + payload;
    if (position > end) return { reason: "truncated", offset };
    pending += values - 1;
    closeFull(left);
    if (values > 0) left.push(values);
    if (left.length > depthMax) return { reason: "depth", offset };
  }
  return position === end ? null : { reason: "trailing", offset: position };
}

/** The length that a head announces. Bytes beyond the end count as 0; the caller sees the end. */
function lengthAt(bytes: Uint8Array, offset: number, head: number): number {
  const width = lengthWidth[head] as number;
  let length = smallLength[head] as number;
  for (let index = 1; index <= width; index++) length = length * 256 + (bytes[offset + index] ?? 0);
  return length;
}

/** Takes one value off the innermost open level, and leaves the levels that it completes. */
function closeFull(left: number[]): void {
  const last = left.length - 1;
  if (last < 0) return;
  const remaining = (left[last] as number) - 1;
  if (remaining === 0) left.pop();
  else left[last] = remaining;
}
