// Images by their content name, decoded and cut into patches once.
import type { HashName } from "../../events/index.ts";
import {
  decodeImage,
  imageTokenCount,
  type PreprocessedImage,
  type Preprocessor,
  preprocessImage,
} from "../../model/index.ts";
import { EvidenceError } from "../errors.ts";

/** Bytes of prepared images that are kept; the longest unused ones go first. */
const pictureBytesMax = 256 * 1024 * 1024;

export type ReadBlob = (name: HashName) => Promise<Uint8Array | null>;

/** An image as the engine takes it. */
export interface Picture extends PreprocessedImage {
  readonly hash: HashName;
}

export class Pictures {
  readonly #read: ReadBlob;
  readonly #preprocessor: Preprocessor;
  readonly #known = new Map<HashName, Promise<Picture>>();
  readonly #sizes = new Map<HashName, number>();
  #bytes = 0;

  constructor(read: ReadBlob, preprocessor: Preprocessor) {
    this.#read = read;
    this.#preprocessor = preprocessor;
  }

  get(name: HashName): Promise<Picture> {
    const known = this.#known.get(name);
    const picture = known ?? this.#prepare(name);
    // Moving an entry to the end makes the map's order the order of use.
    if (known !== undefined) this.#known.delete(name);
    this.#known.set(name, picture);
    return picture;
  }

  getAll(names: readonly HashName[]): Promise<readonly Picture[]> {
    return Promise.all(names.map((name) => this.get(name)));
  }

  /** The prompt tokens that each image takes. */
  async tokenCounts(names: readonly HashName[]): Promise<readonly number[]> {
    const pictures = await this.getAll(names);
    return pictures.map(({ grid }) => imageTokenCount(grid, this.#preprocessor.mergeSize));
  }

  async #prepare(name: HashName): Promise<Picture> {
    try {
      const bytes = await this.#read(name);
      if (bytes === null) throw new EvidenceError(`the image ${name} is not stored`);
      const image = await decodeImage(bytes, { source: `image ${name}` });
      const picture = { hash: name, ...preprocessImage(image, this.#preprocessor) };
      this.#keep(name, picture.pixels.byteLength);
      return picture;
    } catch (thrown) {
      this.#known.delete(name);
      throw thrown;
    }
  }

  #keep(name: HashName, bytes: number): void {
    this.#sizes.set(name, bytes);
    this.#bytes += bytes;
    for (const oldest of this.#known.keys()) {
      if (this.#bytes <= pictureBytesMax) return;
      if (oldest === name) continue;
      this.#known.delete(oldest);
      this.#bytes -= this.#sizes.get(oldest) ?? 0;
      this.#sizes.delete(oldest);
    }
  }
}
