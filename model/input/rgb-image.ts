/** An image in memory: rows top down, three bytes per pixel (red, green, blue), no padding. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
