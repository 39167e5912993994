// Compares a graph's gradients with central finite differences, in float64.
import { InferenceSession, Tensor } from "onnxruntime-node";
import { RandomStream } from "../../events/index.ts";
import type { Node } from "../../model/graph/index.ts";
import {
  dimension,
  emitModel,
  Graph,
  gradients,
  multiply,
  reduceSum,
  scalar,
} from "../../model/graph/index.ts";

/** Integer operands (indices, labels) by name, beside the float parameters. */
export interface Values {
  readonly floats: Readonly<Record<string, { readonly shape: number[]; readonly data?: number[] }>>;
  readonly integers?: Readonly<Record<string, readonly number[]>>;
}

export type Feeds = Record<string, Tensor>;

export async function openSession(outputs: Record<string, Node>): Promise<InferenceSession> {
  // "basic": fusions above it use kernels that do not exist for float64.
  return InferenceSession.create(emitModel(outputs).bytes, {
    graphOptimizationLevel: "basic",
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
}

/**
 * The largest relative error of `build`'s gradients, each parameter measured by its largest one.
 */
export async function gradientError(
  values: Values,
  build: (inputs: Record<string, Node>, graph: Graph) => Node,
  seed = 1,
): Promise<number> {
  const graph = new Graph("float64");
  const random = new RandomStream(seed);
  const parameters: Record<string, Node> = {};
  const inputs: Record<string, Node> = {};
  const feeds: Feeds = {};
  for (const [name, { shape, data }] of Object.entries(values.floats)) {
    const size = shape.reduce((product, length) => product * length, 1);
    const numbers = data ?? Array.from({ length: size }, () => random.normal());
    feeds[name] = new Tensor("float64", Float64Array.from(numbers), shape);
    // Without data the first axis is symbolic: rules are proven for sizes known only at run time.
    const symbolic = shape.map((length, axis) => (axis === 0 ? dimension("rows") : length));
    parameters[name] = graph.input(name, "float64", data ? shape : symbolic);
    inputs[name] = parameters[name];
  }
  for (const [name, list] of Object.entries(values.integers ?? {})) {
    inputs[name] = graph.input(name, "int64", [list.length]);
    feeds[name] = new Tensor("int64", BigInt64Array.from(list.map(BigInt)), [list.length]);
  }
  const output = build(inputs, graph);
  const weights = graph.input("weights", "float64", output.shape);
  const axes = output.shape.map((_, axis) => axis);
  const loss = reduceSum(multiply(output, weights), axes);
  const names = Object.keys(parameters);
  const slopes = gradients([[loss, scalar(graph, 1)]], Object.values(parameters));
  const plain = await openSession({ output });
  const shape = (await plain.run(feeds))["output"]?.dims ?? [];
  const count = shape.reduce((product, length) => product * length, 1);
  const mixed = Float64Array.from({ length: count }, () => random.normal());
  feeds["weights"] = new Tensor("float64", mixed, shape);
  const outputs = Object.fromEntries(
    names.map((name, index) => [`d ${name}`, slopes[index] as Node]),
  );
  const session = await openSession({ loss, ...outputs });
  return worstError(session, feeds, names);
}

/** Central differences of the output "loss" against the outputs named `d <parameter>`. */
export async function worstError(
  session: InferenceSession,
  feeds: Feeds,
  names: readonly string[],
  probesMax = 40,
): Promise<number> {
  const analytic = await session.run(feeds);
  let worst = 0;
  for (const name of names) {
    const data = feeds[name]?.data as Float64Array;
    const slope = analytic[`d ${name}`]?.data as Float64Array;
    const scale = slope.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    const stride = Math.max(1, Math.ceil(data.length / probesMax));
    for (let at = 0; at < data.length; at += stride) {
      const before = data[at] as number;
      const step = 1e-5 * Math.max(1, Math.abs(before));
      const loss = async (value: number) => {
        data[at] = value;
        const results = await session.run(feeds, ["loss"]);
        return Number(results["loss"]?.data[0]);
      };
      const difference = ((await loss(before + step)) - (await loss(before - step))) / (2 * step);
      data[at] = before;
      worst = Math.max(worst, Math.abs(difference - (slope[at] as number)) / scale);
    }
  }
  return worst;
}
