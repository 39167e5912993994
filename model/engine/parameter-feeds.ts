// The trainable parameters as every role takes them.
import type { ModelConfig } from "../config.ts";
import { TensorError } from "../errors.ts";
import type { TensorMap, Tuning } from "../qwen/index.ts";
import { sizeOfShape, trainableParameters } from "../qwen/index.ts";
import { floats } from "./session.ts";

/** The trainable parameters as feeds; every one must be given, with its length. */
export function parameterFeeds(
  config: ModelConfig,
  tuning: Tuning,
  parameters: TensorMap,
): Map<string, ReturnType<typeof floats>> {
  return new Map(
    trainableParameters(config, tuning).map(({ name, shape }) => {
      const values = parameters.get(name);
      if (values === undefined) throw new TensorError(name, "is missing from the parameters");
      if (values.length !== sizeOfShape(shape))
        throw new TensorError(name, `has ${values.length} values, expected shape [${shape}]`);
      return [name, floats(values, shape)];
    }),
  );
}
