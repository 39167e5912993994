// A grey image in memory, and the pixel operations that the mini benchmark is made with. They
// follow OpenCV (rounding, saturation, borders) so that a reference repair computed here and the
// same repair run by cv2 in the sandbox differ by JPEG loss at most.

/** `pixels[y * width + x]`, 0–255. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** A new image from a function of (x, y); values are rounded and saturated to 0–255. */
export function imageFrom(
  width: number,
  height: number,
  value: (x: number, y: number) => number,
): GreyImage {
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels[y * width + x] = saturate(value(x, y));
  }
  return { width, height, pixels };
}

/** Rounds half to even, as cv2's `saturate_cast<uchar>` does, and clamps to 0–255. */
export function saturate(value: number): number {
  if (value <= 0) return 0;
  if (value >= 255) return 255;
  const floor = Math.floor(value);
  const difference = value - floor;
  if (difference === 0.5) return floor + (floor % 2);
  return difference > 0.5 ? floor + 1 : floor;
}

function at(image: GreyImage, x: number, y: number): number {
  return image.pixels[y * image.width + x] as number;
}

/** `cv2.rotate(img, cv2.ROTATE_90_CLOCKWISE)`. */
export function rotateClockwise(image: GreyImage): GreyImage {
  return imageFrom(image.height, image.width, (x, y) => at(image, y, image.height - 1 - x));
}

/** `cv2.rotate(img, cv2.ROTATE_180)`. */
export function rotateHalf(image: GreyImage): GreyImage {
  const { width, height } = image;
  return imageFrom(width, height, (x, y) => at(image, width - 1 - x, height - 1 - y));
}

/** `cv2.rotate(img, cv2.ROTATE_90_COUNTERCLOCKWISE)`. */
export function rotateCounterclockwise(image: GreyImage): GreyImage {
  return imageFrom(image.height, image.width, (x, y) => at(image, image.width - 1 - y, x));
}

/** `cv2.normalize(img, None, low, high, cv2.NORM_MINMAX)`, which computes in float32. */
export function stretchLevels(image: GreyImage, low: number, high: number): GreyImage {
  const darkest = image.pixels.reduce((least, value) => Math.min(least, value), 255);
  const brightest = image.pixels.reduce((most, value) => Math.max(most, value), 0);
  const scale = brightest > darkest ? (high - low) / (brightest - darkest) : 0;
  const [factor, shift] = [Math.fround(scale), Math.fround(low - darkest * scale)];
  return mapPixels(image, (value) => Math.fround(Math.fround(value * factor) + shift));
}

/** `img[top:bottom, left:right]`. */
export function crop(
  image: GreyImage,
  box: { left: number; top: number; right: number; bottom: number },
): GreyImage {
  return imageFrom(box.right - box.left, box.bottom - box.top, (x, y) =>
    at(image, x + box.left, y + box.top),
  );
}

/** Applies `change` to every pixel. */
export function mapPixels(image: GreyImage, change: (value: number) => number): GreyImage {
  const table = Uint8Array.from({ length: 256 }, (_, value) => saturate(change(value)));
  return { ...image, pixels: image.pixels.map((value) => table[value] as number) };
}

/** `cv2.medianBlur(img, size)`: borders replicate. */
export function medianBlur(image: GreyImage, size: number): GreyImage {
  const radius = (size - 1) / 2;
  const window = new Uint8Array(size * size);
  return imageFrom(image.width, image.height, (x, y) => {
    let count = 0;
    for (let dy = -radius; dy <= radius; dy++) {
      const row = clamp(y + dy, image.height) * image.width;
      for (let dx = -radius; dx <= radius; dx++) {
        window[count++] = image.pixels[row + clamp(x + dx, image.width)] as number;
      }
    }
    return window.sort()[(count - 1) / 2] as number;
  });
}

/** `cv2.blur(img, (size, size))`: the mean of a square, borders mirrored without the edge. */
export function boxBlur(image: GreyImage, size: number): GreyImage {
  const rows = boxSums(image.pixels, image.width, image.height, size);
  const sums = boxSums(transpose(rows, image.width, image.height), image.height, image.width, size);
  return imageFrom(
    image.width,
    image.height,
    (x, y) => (sums[x * image.height + y] as number) / (size * size),
  );
}

/** `cv2.addWeighted(a, weightA, b, weightB, 0)`. */
function addWeighted(a: GreyImage, weightA: number, b: GreyImage, weightB: number): GreyImage {
  return imageFrom(a.width, a.height, (x, y) => at(a, x, y) * weightA + at(b, x, y) * weightB);
}

/** An unsharp mask: `addWeighted(img, amount, blur(img, (9, 9)), 1 - amount, 0)`. */
export function sharpen(image: GreyImage, amount: number): GreyImage {
  return addWeighted(image, amount, boxBlur(image, 9), 1 - amount);
}

/** Mean absolute difference per pixel, 0–255; `null` where the sizes differ. */
export function pixelError(a: GreyImage, b: GreyImage): number | null {
  if (a.width !== b.width || a.height !== b.height) return null;
  let sum = 0;
  a.pixels.forEach((value, index) => {
    sum += Math.abs(value - (b.pixels[index] as number));
  });
  return sum / a.pixels.length;
}

function boxSums(pixels: ArrayLike<number>, width: number, height: number, size: number) {
  const radius = (size - 1) / 2;
  const sums = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let dx = -radius; dx <= radius; dx++) {
        sum += pixels[y * width + mirror(x + dx, width)] as number;
      }
      sums[y * width + x] = sum;
    }
  }
  return sums;
}

function transpose(values: Float64Array, width: number, height: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) out[x * height + y] = values[y * width + x] as number;
  }
  return out;
}

function clamp(index: number, size: number): number {
  return Math.min(size - 1, Math.max(0, index));
}

/** BORDER_REFLECT_101, cv2's default: `gfedcb|abcdefgh|gfedcba`. */
function mirror(index: number, size: number): number {
  if (index < 0) return -index;
  return index >= size ? 2 * size - 2 - index : index;
}
