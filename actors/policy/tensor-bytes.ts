// Policies, gradients and optimizer states as bytes: safetensors in float32. Equal tensors give equal
// bytes, so that their hash names them; decoding restores the model's own order of tensors, by which
// AdamW sums.
import { assert } from "../../events/index.ts";
import {
  type AdamState,
  decodeSafetensors,
  encodeSafetensors,
  type Parameter,
  type Tensor,
} from "../../model/index.ts";
import { EvidenceError } from "../errors.ts";
import type { Tensors } from "../learner/index.ts";

type Shapes = readonly Pick<Parameter, "name" | "shape">[];

const [firstPrefix, secondPrefix, stepName] = ["first.", "second.", "step"];
/** The largest number of steps that float32 counts exactly. */
const stepsMax = 2 ** 24;

export function encodeTensors(tensors: Tensors, shapes: Shapes): Uint8Array {
  return encodeSafetensors(shaped(tensors, shapes, ""), "F32");
}

/** @param what names the bytes in errors */
export function decodeTensors(bytes: Uint8Array, shapes: Shapes, what: string): Tensors {
  const tensors = decodeSafetensors(bytes, what);
  if (tensors.size !== shapes.length) {
    throw new EvidenceError(`${what} has ${tensors.size} tensors, expected ${shapes.length}`);
  }
  return picked(tensors, shapes, "", what);
}

export function encodeAdamState({ step, first, second }: AdamState, shapes: Shapes): Uint8Array {
  assert(step < stepsMax, "the optimizer's step is counted in float32");
  const tensors = new Map([
    ...shaped(first, shapes, firstPrefix),
    ...shaped(second, shapes, secondPrefix),
    [stepName, { shape: [], data: Float32Array.of(step) }] as const,
  ]);
  return encodeSafetensors(tensors, "F32");
}

export function decodeAdamState(bytes: Uint8Array, shapes: Shapes): AdamState {
  const what = "an optimizer state";
  const tensors = decodeSafetensors(bytes, what);
  const step = tensors.get(stepName)?.data[0];
  if (step === undefined || tensors.size !== 2 * shapes.length + 1) {
    throw new EvidenceError(`${what} does not belong to this model`);
  }
  const first = picked(tensors, shapes, firstPrefix, what);
  return { step, first, second: picked(tensors, shapes, secondPrefix, what) };
}

function shaped(tensors: Tensors, shapes: Shapes, prefix: string): Map<string, Tensor> {
  return new Map(
    shapes.map(({ name, shape }) => {
      const data = tensors.get(name);
      assert(data !== undefined, `the tensor ${name} is missing`);
      return [prefix + name, { shape, data }];
    }),
  );
}

function picked(
  tensors: ReadonlyMap<string, Tensor>,
  shapes: Shapes,
  prefix: string,
  what: string,
): Map<string, Float32Array> {
  return new Map(
    shapes.map(({ name, shape }) => {
      const tensor = tensors.get(prefix + name);
      if (tensor?.shape.join() !== shape.join()) {
        throw new EvidenceError(`${what}: tensor ${prefix}${name} is not of shape [${shape}]`);
      }
      return [name, tensor.data];
    }),
  );
}
