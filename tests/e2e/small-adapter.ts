// An adapter on the small checkpoint.
import { hashName, RandomStream } from "../../events/index.ts";
import { readConfig, TensorCodec, trainableParameters, writeAdapter } from "../../model/index.ts";
import { checkpoint } from "./small-runs.ts";

/** An adapter of rank 2 on the small checkpoint that changes what is said; its policy's hash. */
export async function makeAdapter(directory: string, seed = "e2e adapter") {
  const [rank, alpha] = [2, 4];
  const tuning = { type: "lora", rank, alpha, seed: 0, scope: "language" } as const;
  const shapes = trainableParameters(await readConfig(checkpoint), tuning);
  const random = new RandomStream(seed);
  const tensors = new Map(
    shapes.map(({ name, shape }) => {
      const size = shape.reduce((product, side) => product * side, 1);
      const data = Float32Array.from({ length: size }, () => 0.5 * (random.uniform() - 0.5));
      return [name, { shape, data }];
    }),
  );
  await writeAdapter(directory, { tensors, rank, alpha, base: checkpoint });
  const parameters = new Map([...tensors].map(([name, { data }]) => [name, data]));
  return hashName(new TensorCodec(shapes).encode(parameters));
}
