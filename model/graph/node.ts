// The graph: immutable nodes, each an operation over earlier nodes. Equal nodes are one node
// (interning), so a gradient rule may spell out an intermediate again and shares the forward one.
import { assert } from "../../events/index.ts";
import type { Shape } from "./dimension.ts";
import { shapeKey } from "./dimension.ts";

/** Element types. `bfloat16` exists for stored weights only and is cast before use. */
export type DataType = "float32" | "float64" | "int64" | "bool" | "bfloat16" | "float16";

/** The element type in which the model computes. */
export type FloatType = "float32" | "float64";

/**
 * Which operations a model is written with. `every`: onnxruntime's fused ones and the newest of the
 * ONNX standard, which its CPU and CUDA providers have. `plain`: only what WebGPU has, too.
 */
export type Kernels = "every" | "plain";

/** Constant values, one element per entry (bool as 0 and 1). */
export type TensorData = Float32Array | Float64Array | BigInt64Array | Uint8Array | Uint16Array;

/** Type and shape of one result of a node. */
export interface ResultType {
  readonly dtype: DataType;
  readonly shape: Shape;
}

/** What an initialiser holds: values here, or bytes `offset`..`offset + length` of a file. */
export type TensorSource =
  | { readonly type: "inline"; readonly data: TensorData }
  | {
      readonly type: "file";
      readonly file: string;
      readonly offset: number;
      readonly length: number;
    };

/** A nested graph: `bound` are its parameters, `results` what it gives back. */
export interface Subgraph {
  readonly bound: readonly Node[];
  readonly results: readonly Node[];
}

/** Settings of a node. */
export type Attribute = number | string | boolean | readonly number[];

/** One operation. Nodes with several results are read through `item` nodes. */
export interface Node {
  readonly id: number;
  readonly graph: Graph;
  readonly op: string;
  readonly inputs: readonly Node[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly results: readonly ResultType[];
  /** Type and shape of the first result. */
  readonly dtype: DataType;
  readonly shape: Shape;
  /** Where in the model the node was made, for messages and profiles. */
  readonly path: string;
  readonly subgraphs: readonly Subgraph[];
  readonly source: TensorSource | undefined;
}

interface NodeParts {
  readonly op: string;
  readonly inputs?: readonly Node[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly results: readonly ResultType[];
  readonly subgraphs?: readonly Subgraph[];
  readonly source?: TensorSource;
  /** Interning key; nodes without one are always new. */
  readonly key?: string;
}

/**
 * The arena in which nodes are made; `float` decides in which precision the model computes,
 * `kernels` with which operations it is written.
 */
export class Graph {
  readonly float: FloatType;
  readonly kernels: Kernels;
  readonly #interned = new Map<string, Node>();
  readonly #inputs = new Map<string, Node>();
  #count = 0;
  #path: readonly string[] = [];

  constructor(float: FloatType = "float32", kernels: Kernels = "every") {
    this.float = float;
    this.kernels = kernels;
  }

  /** Named run-time inputs in the order in which they were declared. */
  get inputs(): ReadonlyMap<string, Node> {
    return this.#inputs;
  }

  /** Runs `build` with `name` appended to the path of every node it makes. */
  within<T>(name: string, build: () => T): T {
    const outer = this.#path;
    this.#path = [...outer, name];
    try {
      return build();
    } finally {
      this.#path = outer;
    }
  }

  /** A value fed at every run. Asking again for the same name gives the same node. */
  input(name: string, dtype: DataType, shape: Shape): Node {
    const known = this.#inputs.get(name);
    if (known === undefined) {
      const made = this.make({ op: "input", attributes: { name }, results: [{ dtype, shape }] });
      this.#inputs.set(name, made);
      return made;
    }
    assert(
      known.dtype === dtype && shapeKey(known.shape) === shapeKey(shape),
      `input ${name} was declared before with another type`,
    );
    return known;
  }

  /** A value stored in the model under `name`. */
  initializer(name: string, dtype: DataType, shape: Shape, source: TensorSource): Node {
    const results = [{ dtype, shape }];
    const key = `initializer ${name}`;
    return this.make({ op: "initializer", attributes: { name }, results, source, key });
  }

  /** Adds a node, or finds the equal one that exists. */
  make(parts: NodeParts): Node {
    const known = parts.key === undefined ? undefined : this.#interned.get(parts.key);
    if (known !== undefined) return known;
    const [first] = parts.results;
    assert(first !== undefined, `${parts.op} must have a result`);
    const node: Node = {
      id: this.#count++,
      graph: this,
      op: parts.op,
      inputs: parts.inputs ?? [],
      attributes: parts.attributes ?? {},
      results: parts.results,
      dtype: first.dtype,
      shape: first.shape,
      path: this.#path.join("."),
      subgraphs: parts.subgraphs ?? [],
      source: parts.source,
    };
    if (parts.key !== undefined) this.#interned.set(parts.key, node);
    return node;
  }
}

/** A node as messages name it: operation, path, type and shape. */
export function describe(node: Node): string {
  const place = node.path === "" ? "" : ` at ${node.path}`;
  return `${node.op}${place}: ${node.dtype}${shapeKey(node.shape)}`;
}
