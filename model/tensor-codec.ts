// The canonical bytes of what is trained: a policy, a gradient, an optimizer state. Equal values
// give equal bytes, and the hash of the bytes is the name.
import type { AdamState } from "./adamw.ts";
import { TensorError } from "./errors.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor } from "./input/index.ts";
import { inModelOrder, type Parameter, type TensorMap } from "./qwen/index.ts";

type NamedShape = Pick<Parameter, "name" | "shape">;

/** Encodes and decodes tensors that have the names, shapes and order of `parameters`. */
export class TensorCodec {
  readonly #parameters: readonly NamedShape[];

  constructor(parameters: readonly NamedShape[]) {
    this.#parameters = parameters;
  }

  /**
   * A codec for what a stored policy trains, without its checkpoint: names and shapes are the
   * bytes', the order is the model's. Throws where the bytes are no safetensors.
   */
  static ofStored(policy: Uint8Array, source: string): TensorCodec {
    const tensors = decodeSafetensors(policy, source);
    const shapeOf = (name: string) => tensors.get(name)?.shape ?? [];
    const names = inModelOrder([...tensors.keys()]);
    return new TensorCodec(names.map((name) => ({ name, shape: shapeOf(name) })));
  }

  /** Safetensors of the values as F32. */
  encode(values: TensorMap): Uint8Array {
    return encodeSafetensors(this.#tensors(values, ""), "F32");
  }

  /** The values, in the order of the parameters. Throws where a name or a shape differs. */
  decode(bytes: Uint8Array, source: string): TensorMap {
    return this.#values(decodeSafetensors(bytes, source), "");
  }

  /** Both moments and the number of steps. */
  encodeAdam({ step, first, second }: AdamState): Uint8Array {
    const counter = { shape: [1], data: Float32Array.of(step) };
    return encodeSafetensors(
      new Map([
        ...this.#tensors(first, "first."),
        ...this.#tensors(second, "second."),
        ["step", counter],
      ]),
      "F32",
    );
  }

  decodeAdam(bytes: Uint8Array, source: string): AdamState {
    const tensors = decodeSafetensors(bytes, source);
    const step = tensors.get("step")?.data[0];
    if (step === undefined) throw new TensorError("step", `is missing from ${source}`);
    return {
      step,
      first: this.#values(tensors, "first."),
      second: this.#values(tensors, "second."),
    };
  }

  #tensors(values: TensorMap, prefix: string): Map<string, Tensor> {
    return new Map(
      this.#parameters.map(({ name, shape }) => {
        const data = values.get(name);
        if (data === undefined) throw new TensorError(name, "is missing");
        return [prefix + name, { shape, data }];
      }),
    );
  }

  #values(tensors: ReadonlyMap<string, Tensor>, prefix: string): TensorMap {
    return new Map(
      this.#parameters.map(({ name, shape }) => {
        const tensor = tensors.get(prefix + name);
        if (tensor === undefined || String(tensor.shape) !== String(shape)) {
          const found = tensor === undefined ? "is missing" : `has shape [${tensor.shape}]`;
          throw new TensorError(prefix + name, `${found}, expected [${shape}]`);
        }
        return [name, tensor.data];
      }),
    );
  }
}
