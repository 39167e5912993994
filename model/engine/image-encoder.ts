// Encodes images once per (image, vision parameters) and remembers the result.
import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import { assert } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import type { TensorMap, Tuning } from "../qwen/index.ts";
import { isVisionName, trainableParameters } from "../qwen/index.ts";
import type { ImageInput } from "./images.ts";
import { tokensOf, visionFeeds } from "./images.ts";
import { parameterFeeds } from "./parameter-feeds.ts";
import type { Runner } from "./session.ts";
import { floatResult } from "./session.ts";

/** Bytes of encoded images that are kept; the longest unused ones go first. */
const cacheBytesMax = 256 * 2 ** 20;
/** Images encoded in one run: bounds the memory of a run. */
const batchImagesMax = 64;

/** The vision role of a policy. */
export class ImageEncoder {
  readonly #config: ModelConfig;
  readonly #tuning: Tuning;
  readonly #session: Runner | undefined;
  readonly #cache = new Map<string, Float32Array>();
  readonly #hashes = new WeakMap<TensorMap, string>();
  #cacheBytes = 0;

  constructor(config: ModelConfig, tuning: Tuning, session: Runner | undefined) {
    this.#config = config;
    this.#tuning = tuning;
    this.#session = session;
  }

  /** Image tokens of each image, [tokens, hidden], in the order given. */
  async encode(
    parameters: TensorMap,
    images: readonly ImageInput[],
  ): Promise<readonly Float32Array[]> {
    const tower = this.#towerHash(parameters);
    const keyOf = (image: ImageInput) => `${image.hash} ${image.grid.join("x")} ${tower}`;
    const found = new Map<string, Float32Array>();
    const missing = new Map<string, ImageInput>();
    for (const image of images) {
      const key = keyOf(image);
      const known = this.#cache.get(key);
      if (known === undefined) missing.set(key, image);
      else {
        // Moving an entry to the end makes the map's order the order of use.
        this.#cache.delete(key);
        this.#cache.set(key, known);
        found.set(key, known);
      }
    }
    const entries = [...missing];
    for (let at = 0; at < entries.length; at += batchImagesMax) {
      const batch = entries.slice(at, at + batchImagesMax);
      const encoded = await this.#run(
        parameters,
        batch.map(([, image]) => image),
      );
      for (const [index, [key]] of batch.entries()) {
        const rows = encoded[index];
        assert(rows !== undefined, "the tower gives rows for every image");
        found.set(key, rows);
        this.#remember(key, rows);
      }
    }
    return images.map((image) => {
      const rows = found.get(keyOf(image));
      assert(rows !== undefined, `image ${image.hash} was not encoded`);
      return rows;
    });
  }

  async #run(parameters: TensorMap, images: readonly ImageInput[]): Promise<Float32Array[]> {
    assert(this.#session !== undefined, "the policy was opened without the role vision");
    const { feeds, tokenRows } = visionFeeds(images, this.#config);
    const given = parameterFeeds(this.#config, this.#tuning, parameters);
    const results = await this.#session.run(new Map([...given, ...feeds]));
    const rows = floatResult(results, "imageRows");
    const size = this.#config.text.hiddenSize;
    let token = 0;
    return images.map((image) => {
      const count = tokensOf(image, this.#config);
      const values = new Float32Array(count * size);
      for (let at = 0; at < count; at++, token++) {
        const row = tokenRows[token] ?? 0;
        values.set(rows.subarray(row * size, (row + 1) * size), at * size);
      }
      return values;
    });
  }

  #remember(key: string, rows: Float32Array): void {
    this.#cache.set(key, rows);
    this.#cacheBytes += rows.byteLength;
    for (const [oldest, values] of this.#cache) {
      if (this.#cacheBytes <= cacheBytesMax) return;
      this.#cache.delete(oldest);
      this.#cacheBytes -= values.byteLength;
    }
  }

  /**
   * Names the tower's trainable state; a map of parameters is never changed, so it is hashed once.
   */
  #towerHash(parameters: TensorMap): string {
    const known = this.#hashes.get(parameters);
    if (known !== undefined) return known;
    const names = trainableParameters(this.#config, this.#tuning).map(({ name }) => name);
    const hash = names.filter(isVisionName).reduce((sum: Hash, name) => {
      const values = parameters.get(name);
      return values === undefined ? sum : sum.update(values);
    }, createHash("sha256"));
    const digest = hash.digest("hex");
    this.#hashes.set(parameters, digest);
    return digest;
  }
}
