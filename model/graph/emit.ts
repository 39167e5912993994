// Writes a graph as an ONNX model.
import { assert } from "../../events/index.ts";
import { dimensionKey } from "./dimension.ts";
import { GraphError } from "./errors.ts";
import type { DataType, Node, Subgraph, TensorSource } from "./node.ts";
import { describe } from "./node.ts";
import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from "./onnx.ts";
import { dataTypeNumber, encodeModel, opsetPlain } from "./onnx.ts";
import type { Placement, Scope } from "./placement.ts";
import { isLeaf, placeNodes, reachable, widensWeight } from "./placement.ts";
import type { Emitter, OnnxAttribute } from "./rule.ts";
import { operationTable } from "./table.ts";

/** An encoded model and the names by which it is fed and read. */
export interface EmittedModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** How a graph is written. */
export interface EmitOptions {
  /**
   * Stored weights are widened in front of each use, also in every round of a loop, and not kept:
   * little memory for the time of widening them again. Values are the same.
   */
  readonly widensAtUse?: boolean;
}

/** Writes what `outputs` (public name to node) need; inputs that nothing needs are left out. */
export function emitModel(
  outputs: Readonly<Record<string, Node>>,
  { widensAtUse = false }: EmitOptions = {},
): EmittedModel {
  const named = Object.entries(outputs);
  const nodes = reachable(named.map(([, node]) => node));
  const isPlain = named.some(([, { graph }]) => graph.kernels === "plain");
  const inputs = nodes.filter((node) => node.op === "input");
  const placement = placeNodes(
    named.map(([, node]) => node),
    widensAtUse,
  );
  const writer = new ModelWriter(placement, widensAtUse);
  const main = writer.mainGraph(inputs, named, nodes);
  return {
    bytes: encodeModel(main, isPlain ? opsetPlain : undefined),
    inputs: inputs.map(publicName),
    outputs: named.map(([name]) => name),
  };
}

interface OnnxParts {
  readonly nodes: OnnxNode[];
  readonly initializers: OnnxTensor[];
  readonly constants: Map<string, string>;
  /** By value name: a zero that exists only once the value does. */
  readonly zeros: Map<string, string>;
}

function emptyParts(): OnnxParts {
  return { nodes: [], initializers: [], constants: new Map(), zeros: new Map() };
}

class ModelWriter {
  readonly #placement: Placement;
  readonly #widensAtUse: boolean;
  /** ONNX value names by node, one per result. */
  readonly #names = new Map<Node, readonly string[]>();
  #count = 0;

  constructor(placement: Placement, widensAtUse: boolean) {
    this.#placement = placement;
    this.#widensAtUse = widensAtUse;
  }

  mainGraph(
    inputs: readonly Node[],
    outputs: readonly (readonly [string, Node])[],
    nodes: readonly Node[],
  ): OnnxGraph {
    const parts = emptyParts();
    for (const input of inputs) this.#names.set(input, [publicName(input)]);
    for (const node of nodes.filter(({ op }) => op === "initializer")) {
      const name = publicName(node);
      this.#names.set(node, [name]);
      parts.initializers.push(tensorOf(name, node));
    }
    this.#writeScope(this.#placement.main, parts);
    for (const [name, node] of outputs) {
      const source = this.#nameOf(node, parts);
      parts.nodes.push(plainNode("Identity", [source], [name], `output ${name}`));
    }
    return {
      name: "main",
      nodes: parts.nodes,
      initializers: parts.initializers,
      inputs: inputs.map((node) => typedValue(publicName(node), node)),
      outputs: outputs.map(([name, node]) => typedValue(name, node)),
    };
  }

  #subgraph(subgraph: Subgraph, name: string): OnnxGraph {
    const scope = this.#placement.scopes.get(subgraph);
    assert(scope !== undefined, `subgraph ${name} was not placed`);
    const parts = emptyParts();
    for (const parameter of subgraph.bound) this.#names.set(parameter, [this.#fresh("bound")]);
    this.#writeScope(scope, parts);
    // What this graph computes is given back as it is; anything else, or anything given back
    // twice, needs a copy under a name of its own.
    const own = new Set(parts.nodes.flatMap((node) => node.outputs));
    const outputs = subgraph.results.map((node) => {
      const source = this.#nameOf(node, parts);
      if (own.delete(source)) return typedValue(source, node);
      const output = this.#fresh("result");
      parts.nodes.push(plainNode("Identity", [source], [output], output));
      return typedValue(output, node);
    });
    const inputs = subgraph.bound.map((node) => typedValue(this.#nameOf(node, parts), node));
    return { name, nodes: parts.nodes, initializers: parts.initializers, inputs, outputs };
  }

  #writeScope(scope: Scope, parts: OnnxParts): void {
    for (const node of scope.nodes) {
      if (node.op === "item") continue;
      if (node.op === "branch" || node.op === "loop") this.#writeControl(node, parts);
      else this.#writeOperation(node, parts);
    }
  }

  #writeControl(node: Node, parts: OnnxParts): void {
    const keys = node.op === "branch" ? ["then_branch", "else_branch"] : ["body"];
    const inputs = node.inputs.map((input) => this.#nameOf(input, parts));
    const outputs = node.results.map(() => this.#fresh(node.op));
    const graphs = Object.fromEntries(
      node.subgraphs.map((subgraph, index) => {
        const key = keys[index] ?? "body";
        return [key, this.#subgraph(subgraph, `${key} ${node.id}`)];
      }),
    );
    const type = node.op === "branch" ? "If" : "Loop";
    this.#names.set(node, outputs);
    parts.nodes.push({ ...plainNode(type, inputs, outputs, nodeName(node)), graphs });
  }

  #writeOperation(node: Node, parts: OnnxParts): void {
    const rule = operationTable[node.op];
    if (rule === undefined) throw new GraphError(node.op, `unknown operation ${describe(node)}`);
    const late = node.inputs.find(
      (input) => !isLeaf(input) && !widensWeight(input) && input.shape.length > 0,
    );
    const inputs = node.inputs.map((input) => this.#nameOf(input, parts, late));
    const emitter = this.#emitter(node, parts);
    if (rule.emit) this.#names.set(node, rule.emit(emitter, node, inputs));
    else if (rule.onnx) this.#names.set(node, emitter.add(rule.onnx, inputs, plain(node)));
    else throw new GraphError(node.op, `no ONNX form for ${describe(node)}`);
  }

  #emitter(node: Node, parts: OnnxParts): Emitter {
    const add: Emitter["add"] = (type, inputs, attributes = {}, options = {}) => {
      const count = options.outputs ?? 1;
      const outputs = Array.from({ length: count }, () => this.#fresh(node.op));
      const written = plainNode(type, inputs, outputs, `${nodeName(node)} ${outputs[0]}`);
      parts.nodes.push({ ...written, attributes, domain: options.domain ?? "" });
      return outputs;
    };
    return {
      add,
      integers: (values) => {
        const data = BigInt64Array.from(values.map(BigInt));
        return this.#constant("int64", [values.length], { type: "inline", data }, parts);
      },
      number: (value) => {
        const data = node.dtype === "float64" ? Float64Array.of(value) : Float32Array.of(value);
        return this.#constant(node.dtype, [], { type: "inline", data }, parts);
      },
      cast: (input, dtype) => add("Cast", [input], { to: dataTypeNumber(dtype) }),
    };
  }

  /** Constants live in every graph that uses them: optimizers look for them there. */
  #constant(
    dtype: DataType,
    shape: readonly number[],
    source: TensorSource,
    parts: OnnxParts,
  ): string {
    assert(source.type === "inline", "a constant holds its values");
    const key = `${dtype}[${shape.join(",")}]${source.data.join(",")}`;
    const known = parts.constants.get(key);
    if (known !== undefined) return known;
    const name = this.#fresh("constant");
    parts.constants.set(key, name);
    parts.initializers.push({ name, dtype, shape, source });
    return name;
  }

  /** The value's name; what is widened for this use is so once `late` is there. */
  #nameOf(node: Node, parts: OnnxParts, late?: Node): string {
    if (node.op === "constant") {
      assert(node.source !== undefined, "a constant holds its values");
      return this.#constant(node.dtype, fixedShape(node), node.source, parts);
    }
    const [source] = node.inputs;
    if (this.#widensAtUse && widensWeight(node) && source !== undefined)
      return this.#widened(node, source, parts, late);
    const isItem = node.op === "item" && source !== undefined;
    const names = this.#names.get(isItem ? source : node);
    const name = names?.[isItem ? Number(node.attributes["index"]) : 0];
    assert(name !== undefined, `${describe(node)} is used before it is computed`);
    return name;
  }

  /**
   * Widens a weight for one use. Onnxruntime would do so for all weights before it does anything
   * else, since they depend on nothing, and hold them all: a view is made to depend on `late`.
   */
  #widened(node: Node, weight: Node, parts: OnnxParts, late: Node | undefined): string {
    const { add, integers, cast } = this.#emitter(node, parts);
    const stored = this.#nameOf(weight, parts);
    if (late === undefined) return cast(stored, node.dtype)[0] ?? stored;
    const value = this.#nameOf(late, parts);
    const zero = parts.zeros.get(value) ?? this.#zeroOf(value, late, parts);
    const [shape = ""] = add("Add", [integers(fixedShape(weight)), zero]);
    const [view = ""] = add("Reshape", [stored, shape]);
    return cast(view, node.dtype)[0] ?? view;
  }

  #zeroOf(value: string, node: Node, parts: OnnxParts): string {
    const { add, integers } = this.#emitter(node, parts);
    const [size = ""] = add("Shape", [value], { start: 0, end: 1 });
    const [zero = ""] = add("Mul", [size, integers([0])]);
    parts.zeros.set(value, zero);
    return zero;
  }

  #fresh(stem: string): string {
    return `${stem}_${this.#count++}`;
  }
}

function plainNode(
  type: string,
  inputs: readonly string[],
  outputs: readonly string[],
  name: string,
): OnnxNode {
  return { name, type, domain: "", inputs, outputs, attributes: {}, graphs: {} };
}

/** Attributes that carry over one to one. */
function plain(node: Node): Record<string, OnnxAttribute> {
  const entries = Object.entries(node.attributes);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === "boolean" ? Number(value) : value]),
  );
}

function nodeName(node: Node): string {
  return `${node.path}/${node.op}.${node.id}`;
}

function publicName(node: Node): string {
  return String(node.attributes["name"]);
}

function fixedShape(node: Node): readonly number[] {
  return node.shape.map((size) => {
    assert(typeof size === "number", `${describe(node)} must have fixed sizes`);
    return size;
  });
}

function tensorOf(name: string, node: Node): OnnxTensor {
  assert(node.source !== undefined && isLeaf(node), `${name} is no initializer`);
  return { name, dtype: node.dtype, shape: fixedShape(node), source: node.source };
}

function typedValue(name: string, node: Node): OnnxValue {
  const shape = node.shape.map((size) => (typeof size === "number" ? size : dimensionKey(size)));
  return { name, dtype: node.dtype, shape };
}
