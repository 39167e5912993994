// ONNX messages (onnx.proto3, IR version 10) as plain data, and their encoding.
import { assert } from "../../events/index.ts";
import type { DataType, TensorSource } from "./node.ts";
import { MessageWriter } from "./protobuf.ts";
import type { OnnxAttribute } from "./rule.ts";

/** A size in a value's type: fixed, or named. */
type OnnxDimension = number | string;

export interface OnnxValue {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly OnnxDimension[];
}

export interface OnnxTensor {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly source: TensorSource;
}

export interface OnnxNode {
  readonly name: string;
  readonly type: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  readonly graphs: Readonly<Record<string, OnnxGraph>>;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** Element types as numbered by `TensorProto.DataType`. */
const dataTypeNumbers: Readonly<Record<DataType, number>> = {
  float32: 1,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

const irVersion = 10;
const opsetNewest = 24;
/**
 * What WebGPU knows whole. A kernel that is registered without an end fits only the version of the
 * standard that it names, and what fits none runs on the processor.
 */
export const opsetPlain = 20;
const externalLocation = 1;
const attributeTypes = { float: 1, integer: 2, text: 3, graph: 5, integers: 7 } as const;

/** The number of an element type, for `Cast`. */
export function dataTypeNumber(dtype: DataType): number {
  return dataTypeNumbers[dtype];
}

/** Encodes a model with `graph` as its main graph, in a version of the standard's operations. */
export function encodeModel(graph: OnnxGraph, opsetVersion = opsetNewest): Uint8Array {
  const opset = (domain: string, version: number) =>
    new MessageWriter().text(1, domain).integer(2, version);
  return new MessageWriter()
    .integer(1, irVersion)
    .text(2, "varft")
    .message(7, graphMessage(graph))
    .message(8, opset("", opsetVersion))
    .message(8, opset("com.microsoft", 1))
    .finish();
}

function graphMessage(graph: OnnxGraph): MessageWriter {
  const writer = new MessageWriter();
  for (const node of graph.nodes) writer.message(1, nodeMessage(node));
  writer.text(2, graph.name);
  for (const tensor of graph.initializers) writer.message(5, tensorMessage(tensor));
  for (const value of graph.inputs) writer.message(11, valueMessage(value));
  for (const value of graph.outputs) writer.message(12, valueMessage(value));
  return writer;
}

function nodeMessage(node: OnnxNode): MessageWriter {
  const writer = new MessageWriter();
  for (const input of node.inputs) writer.text(1, input);
  for (const output of node.outputs) writer.text(2, output);
  writer.text(3, node.name).text(4, node.type);
  for (const [name, value] of Object.entries(node.attributes))
    writer.message(5, attributeMessage(name, value));
  for (const [name, graph] of Object.entries(node.graphs)) {
    const attribute = new MessageWriter().text(1, name).message(6, graphMessage(graph));
    writer.message(5, attribute.integer(20, attributeTypes.graph));
  }
  return node.domain === "" ? writer : writer.text(7, node.domain);
}

function attributeMessage(name: string, value: OnnxAttribute): MessageWriter {
  const writer = new MessageWriter().text(1, name);
  if (typeof value === "number")
    return writer.integer(3, value).integer(20, attributeTypes.integer);
  if (typeof value === "string") return writer.text(4, value).integer(20, attributeTypes.text);
  if ("float" in value) return writer.float(2, value.float).integer(20, attributeTypes.float);
  for (const entry of value) writer.integer(8, entry);
  return writer.integer(20, attributeTypes.integers);
}

function tensorMessage(tensor: OnnxTensor): MessageWriter {
  const writer = new MessageWriter();
  for (const size of tensor.shape) writer.integer(1, size);
  writer.integer(2, dataTypeNumbers[tensor.dtype]).text(8, tensor.name);
  const { source } = tensor;
  if (source.type === "inline") {
    const { data } = source;
    return writer.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  assert(!source.file.startsWith("/"), `external data of ${tensor.name} must be a relative path`);
  const entry = (key: string, value: string | number) =>
    writer.message(13, new MessageWriter().text(1, key).text(2, String(value)));
  entry("location", source.file);
  entry("offset", source.offset);
  entry("length", source.length);
  return writer.integer(14, externalLocation);
}

function valueMessage(value: OnnxValue): MessageWriter {
  const shape = new MessageWriter();
  for (const size of value.shape) {
    const axis = new MessageWriter();
    shape.message(1, typeof size === "number" ? axis.integer(1, size) : axis.text(2, size));
  }
  const tensorType = new MessageWriter().integer(1, dataTypeNumbers[value.dtype]).message(2, shape);
  const type = new MessageWriter().message(1, tensorType);
  return new MessageWriter().text(1, value.name).message(2, type);
}
