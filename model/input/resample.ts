// Pillow's bicubic resize, bit for bit (src/libImaging/Resample.c): weights in double precision,
// rounded to 22-bit fixed point, a horizontal and then a vertical pass over 8-bit values. The model
// was trained on images resized this way, and other bicubic filters differ by up to 57 levels.
// This is Pillow 3.3 to 12.1, what there was when Qwen2.5-VL was trained; later ones take the
// vertical pass first where that is cheaper, which moves values by rounding.
import type { RgbImage } from "./rgb-image.ts";

/** Fraction bits of a weight: 8 bits of pixel, 2 of headroom for negative lobes, 22 left. */
const precisionBits = 32 - 8 - 2;
/** Reach of the filter at scale 1, pixels. */
const bicubicSupport = 2;
const channels = 3;

/** For each output pixel: the first input pixel, and fixed-point weights from there on. */
interface Filter {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** `[output, weightsMax]`. */
  readonly weights: Int32Array;
  readonly weightsMax: number;
}

/** Resizes to `width` x `height`; equal sizes give the image back unchanged, as Pillow does. */
export function resizeBicubic(image: RgbImage, width: number, height: number): RgbImage {
  let result = image;
  if (width !== image.width) result = resizeWidth(result, bicubicFilter(image.width, width), width);
  if (height !== image.height) {
    result = resizeHeight(result, bicubicFilter(image.height, height), height);
  }
  return result;
}

function resizeWidth(image: RgbImage, filter: Filter, width: number): RgbImage {
  const { height, data: source } = image;
  const data = new Uint8Array(width * height * channels);
  let target = 0;
  for (let row = 0; row < height; row++) {
    const rowStart = row * image.width * channels;
    for (let column = 0; column < width; column++) {
      const count = filter.counts[column] ?? 0;
      const weightStart = column * filter.weightsMax;
      let offset = rowStart + (filter.starts[column] ?? 0) * channels;
      let red = 1 << (precisionBits - 1);
      let green = red;
      let blue = red;
      for (let index = weightStart; index < weightStart + count; index++) {
        const weight = filter.weights[index] ?? 0;
        red += (source[offset] ?? 0) * weight;
        green += (source[offset + 1] ?? 0) * weight;
        blue += (source[offset + 2] ?? 0) * weight;
        offset += channels;
      }
      data[target++] = toByte(red);
      data[target++] = toByte(green);
      data[target++] = toByte(blue);
    }
  }
  return { width, height, data };
}

function resizeHeight(image: RgbImage, filter: Filter, height: number): RgbImage {
  const { width, data: source } = image;
  const rowLength = width * channels;
  const data = new Uint8Array(rowLength * height);
  const sums = new Int32Array(rowLength);
  for (let row = 0; row < height; row++) {
    sums.fill(1 << (precisionBits - 1));
    const count = filter.counts[row] ?? 0;
    for (let tap = 0; tap < count; tap++) {
      const weight = filter.weights[row * filter.weightsMax + tap] ?? 0;
      const offset = ((filter.starts[row] ?? 0) + tap) * rowLength;
      for (let index = 0; index < rowLength; index++) {
        sums[index] = (sums[index] ?? 0) + (source[offset + index] ?? 0) * weight;
      }
    }
    const target = row * rowLength;
    for (let index = 0; index < rowLength; index++) data[target + index] = toByte(sums[index] ?? 0);
  }
  return { width, height, data };
}

/** precompute_coeffs and normalize_coeffs_8bpc. */
function bicubicFilter(inputSize: number, outputSize: number): Filter {
  const scale = inputSize / outputSize;
  const filterScale = Math.max(scale, 1);
  const support = bicubicSupport * filterScale;
  const weightsMax = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(outputSize);
  const counts = new Int32Array(outputSize);
  const weights = new Int32Array(outputSize * weightsMax);
  const exact = new Float64Array(weightsMax);
  for (let output = 0; output < outputSize; output++) {
    const center = (output + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(inputSize, Math.trunc(center + support + 0.5)) - start;
    let sum = 0;
    for (let tap = 0; tap < count; tap++) {
      const weight = bicubic((tap + start - center + 0.5) * (1 / filterScale));
      exact[tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < count; tap++) {
      const weight = sum === 0 ? (exact[tap] ?? 0) : (exact[tap] ?? 0) / sum;
      const rounding = weight < 0 ? -0.5 : 0.5;
      weights[output * weightsMax + tap] = Math.trunc(rounding + weight * (1 << precisionBits));
    }
    starts[output] = start;
    counts[output] = count;
  }
  return { starts, counts, weights, weightsMax };
}

/** Keys' cubic with a = -0.5, in the order of operations of Pillow's `bicubic_filter`. */
function bicubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function toByte(sum: number): number {
  return Math.min(Math.max(sum >> precisionBits, 0), 255);
}
