// Contexts as a server takes them: one image token per image, and the images as the model sees
// them.
//
// Images go out decoded, resized to the size that the model's rule asks for, and as PNG: the
// server's own resizing then has nothing left to do, and no two decoders can disagree about an
// EXIF rotation or a transparent pixel.
import { assert, encodePng, type HashName } from "../../../events/index.ts";
import type { RgbImage } from "../../../model/index.ts";

/** Images that are remembered as PNG, at most. */
const imagesMax = 256;

/**
 * The ids with each run of image tokens written as one.
 *
 * @param images how many there are; ours is the mistake where the ids hold another number
 */
export function foldImages(ids: Int32Array, imageId: number, images: number): readonly number[] {
  const folded: number[] = [];
  let runs = 0;
  for (const [index, id] of ids.entries()) {
    if (id === imageId && ids[index - 1] === imageId) continue;
    if (id === imageId) runs += 1;
    folded.push(id);
  }
  assert(runs === images, `a context holds ${runs} images, not ${images}`);
  return folded;
}

/** Images by name as data URLs. */
export class ImageLinks {
  readonly #read: (name: HashName) => Promise<RgbImage>;
  readonly #links = new Map<HashName, Promise<string>>();

  /** @param read an image at the size that the model sees */
  constructor(read: (name: HashName) => Promise<RgbImage>) {
    this.#read = read;
  }

  get(name: HashName): Promise<string> {
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const [oldest] = this.#links.keys();
    if (this.#links.size >= imagesMax && oldest !== undefined) this.#links.delete(oldest);
    const link = this.#make(name);
    this.#links.set(name, link);
    // A failure is not remembered: the next call tries again.
    link.catch(() => this.#links.delete(name));
    return link;
  }

  async #make(name: HashName): Promise<string> {
    const { data, width, height } = await this.#read(name);
    const png = await encodePng(data, { width, height, channels: 3 });
    return `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
  }
}
