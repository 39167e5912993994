// Images as the policy sees them, by content name: fetched, decoded and cut into patches once, then
// remembered. Rollout and Learner see an image alike because both ask here.
import { type HashName, RetryableError } from "../events/index.ts";
import {
  decodeImage,
  type ImageInput,
  type Preprocessor,
  preprocessImage,
  type RgbImage,
  resizeForModel,
} from "../model/index.ts";

/** Images that are remembered, at most. */
const imagesMax = 768;

/** A blob that should be there is not (yet): its writer may be slower than its reader. */
class MissingImageError extends RetryableError {
  constructor(name: HashName) {
    super("image-missing", `the image ${name} is not stored`);
  }
}

export class ImageStore {
  readonly #preprocessor: Preprocessor;
  readonly #readBlob: (name: HashName) => Promise<Uint8Array | null>;
  readonly #images = new Map<HashName, Promise<ImageInput>>();

  constructor(
    preprocessor: Preprocessor,
    readBlob: (name: HashName) => Promise<Uint8Array | null>,
  ) {
    this.#preprocessor = preprocessor;
    this.#readBlob = readBlob;
  }

  /** The image's patches. */
  get(name: HashName): Promise<ImageInput> {
    const known = this.#images.get(name);
    if (known !== undefined) return known;
    const [oldest] = this.#images.keys();
    if (this.#images.size >= imagesMax && oldest !== undefined) this.#images.delete(oldest);
    const image = this.#read(name);
    this.#images.set(name, image);
    // A failure is not remembered: the next call tries again.
    image.catch(() => this.#images.delete(name));
    return image;
  }

  /** The tokens that an image takes in a prompt. */
  async tokens(name: HashName): Promise<number> {
    const { grid } = await this.get(name);
    const [time, height, width] = grid;
    return (time * height * width) / this.#preprocessor.mergeSize ** 2;
  }

  /** The image at the size at which the policy sees it, for an engine that cuts patches itself. */
  async resized(name: HashName): Promise<RgbImage> {
    return resizeForModel(await this.#decode(name), this.#preprocessor);
  }

  async #read(name: HashName): Promise<ImageInput> {
    return { hash: name, ...preprocessImage(await this.#decode(name), this.#preprocessor) };
  }

  async #decode(name: HashName): Promise<RgbImage> {
    const bytes = await this.#readBlob(name);
    if (bytes === null) throw new MissingImageError(name);
    return decodeImage(bytes, { source: name });
  }
}
