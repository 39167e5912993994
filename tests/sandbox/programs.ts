// Images and programs that several suites of this room use.
import sharp from "sharp";

/** A picture whose four corners differ, so that a rotation is seen. */
export async function picture(format: "png" | "jpeg", size = 56): Promise<Buffer> {
  const half = size / 2;
  const svg =
    `<svg width="${size}" height="${size}"><rect width="${size}" height="${size}" fill="#303030"/>` +
    `<rect width="${half}" height="${half}" fill="#e03020"/>` +
    `<rect x="${half}" y="${half}" width="${half}" height="${half}" fill="#2040e0"/></svg>`;
  return sharp(Buffer.from(svg)).removeAlpha().toFormat(format, { quality: 95 }).toBuffer();
}

/** The colour of one pixel of an encoded image. */
export async function pixel(image: Uint8Array, x: number, y: number): Promise<readonly number[]> {
  const { data, info } = await sharp(image).raw().toBuffer({ resolveWithObject: true });
  const at = (y * info.width + x) * info.channels;
  return [...data.subarray(at, at + info.channels)];
}

export const rotate = `import cv2
image = cv2.imread("path_to_input_image.jpg")
image = cv2.rotate(image, cv2.ROTATE_180)
cv2.imwrite("path_to_output_image.jpg", image)
`;

/** Writes the input as the output, then does what follows. */
export const copyThen = (rest: string): string => `import shutil
shutil.copy("path_to_input_image.jpg", "path_to_output_image.jpg")
${rest}
`;
