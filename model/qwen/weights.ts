// Parameters as graph nodes: trainable ones are run-time inputs, frozen ones are stored in the
// model (or lie in the checkpoint's own file), and linear layers carry their adapter.
import type { ModelConfig } from "../config.ts";
import type { DataType, Graph, Node, TensorSource } from "../graph/index.ts";
import { cast, gather, gemm, linear, slice } from "../graph/index.ts";
import type { Tuning } from "./parameters.ts";
import {
  adapterNames,
  modelParameters,
  trainableParameters,
  tunedParameters,
} from "./parameters.ts";

/** Where a frozen parameter's values are. */
export interface FrozenTensor {
  readonly dtype: DataType;
  readonly source: TensorSource;
}

/** Finds the values of a frozen parameter. */
export type FrozenTensors = (name: string) => FrozenTensor;

/** The parameters of a model inside one graph. */
export class Weights {
  readonly graph: Graph;
  readonly config: ModelConfig;
  /** Trainable parameters that may occur in this graph, as inputs of their own name. */
  readonly trainable: ReadonlyMap<string, Node>;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  readonly #adapted: ReadonlySet<string>;
  readonly #adapterScale: number;
  readonly #frozen: FrozenTensors;

  constructor(graph: Graph, config: ModelConfig, tuning: Tuning, frozen: FrozenTensors) {
    this.graph = graph;
    this.config = config;
    this.#frozen = frozen;
    const parameters = modelParameters(config);
    this.#shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
    this.#adapted = new Set(
      tuning.type === "lora" ? tunedParameters(config, tuning).map(({ name }) => name) : [],
    );
    this.#adapterScale = tuning.type === "lora" ? tuning.alpha / tuning.rank : 0;
    this.trainable = new Map(
      trainableParameters(config, tuning).map(({ name, shape }) => [
        name,
        graph.input(name, graph.float, shape),
      ]),
    );
  }

  /** The parameter called `name`, in the graph's float type. */
  get(name: string): Node {
    return this.trainable.get(name) ?? cast(this.#stored(name), this.graph.float);
  }

  /** Rows `ids` (int64 [n]) of the parameter `name`; only these are widened. */
  rows(name: string, ids: Node): Node {
    const input = this.trainable.get(name);
    return input === undefined
      ? cast(gather(this.#stored(name), ids), this.graph.float)
      : gather(input, ids);
  }

  #stored(name: string): Node {
    const { dtype, source } = this.#frozen(name);
    return this.graph.initializer(name, dtype, this.#shapes.get(name) ?? [], source);
  }

  /** The linear layer called `layer` (a module name, without `.weight`), with its adapter. */
  linear(x: Node, layer: string, options: { readonly bias?: boolean } = {}): Node {
    const bias = options.bias === true ? this.get(`${layer}.bias`) : undefined;
    const base = linear(x, this.get(`${layer}.weight`), bias);
    if (!this.#adapted.has(`${layer}.weight`)) return base;
    const { down, up } = adapterNames(layer);
    return this.#adapt(linear(x, this.get(down)), this.get(up), base);
  }

  /**
   * The output rows `start`..`end` of a linear layer with bias, as if it were a layer of its own.
   */
  linearPart(x: Node, layer: string, start: number, end: number): Node {
    const part = (name: string) => slice(this.get(name), 0, start, end);
    const base = linear(x, part(`${layer}.weight`), part(`${layer}.bias`));
    if (!this.#adapted.has(`${layer}.weight`)) return base;
    const { down, up } = adapterNames(layer);
    return this.#adapt(linear(x, this.get(down)), part(up), base);
  }

  /** base + (alpha / rank) * reduced up^T, in one product that adds onto `base`. */
  #adapt(reduced: Node, up: Node, base: Node): Node {
    return gemm(reduced, up, { transposeRight: true, alpha: this.#adapterScale }, base);
  }
}
