// Conversions between float32 and the two 16-bit floats of checkpoints.

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** Widens bfloat16 bit patterns to float32, exactly. Writes `source.length` values at `offset`. */
export function widenBfloat16(source: Uint16Array, target: Float32Array, offset: number): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset + 4 * offset, source.length);
  for (let index = 0; index < source.length; index++) bits[index] = (source[index] ?? 0) << 16;
}

/** Widens IEEE binary16 bit patterns to float32, exactly. */
export function widenFloat16(source: Uint16Array, target: Float32Array, offset: number): void {
  for (let index = 0; index < source.length; index++) {
    target[offset + index] = float16Value(source[index] ?? 0);
  }
}

/** Rounds float32 to bfloat16 bit patterns, to nearest, ties to even. NaN stays a quiet NaN. */
export function narrowToBfloat16(source: Float32Array): Uint16Array {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const narrow = new Uint16Array(source.length);
  for (let index = 0; index < bits.length; index++)
    narrow[index] = roundToBfloat16(bits[index] ?? 0);
  return narrow;
}

/**
 * Rounds float32 to IEEE binary16 bit patterns, to nearest, ties to even. What is too large for the
 * type becomes an infinity; NaN stays a quiet NaN.
 */
export function narrowToFloat16(source: Float32Array): Uint16Array {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  const narrow = new Uint16Array(source.length);
  for (let index = 0; index < bits.length; index++)
    narrow[index] = roundToFloat16(bits[index] ?? 0);
  return narrow;
}

/** The float32 nearest to `value` among bfloat16 values. */
export function bfloat16Value(value: number): number {
  scratch[0] = value;
  scratchBits[0] = roundToBfloat16(scratchBits[0] ?? 0) << 16;
  return scratch[0] ?? 0;
}

function roundToBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  // Adding just under half a unit, plus the last kept bit, carries exactly when it must.
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function roundToFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  // From half a unit above the largest number (65,504) on, the nearest is infinity.
  if (size >= 0x477ff000) return sign | 0x7c00;
  // Normal numbers: 13 bits of the fraction go, and 112 comes off the exponent's bias.
  if (size >= 0x38800000) {
    const rounded = size + 0xfff + ((size >>> 13) & 1);
    return sign | ((rounded - 0x38000000) >>> 13);
  }
  // Below 2^-14, units are 2^-24: float32's own rounding at 2^-1 does the work.
  scratchBits[0] = size;
  scratch[0] = (scratch[0] ?? 0) + 0.5;
  return sign | ((scratchBits[0] ?? 0) - 0x3f000000);
}

function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
