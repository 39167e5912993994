// The graph: operations with shapes, gradients, and their ONNX form.
export {
  attention,
  entropyOf,
  logSoftmax,
  pickLogProb,
  rmsNorm,
  rotary,
  softmax,
} from "./composite.ts";
export { constant, integers, scalar } from "./constants.ts";
export type { LoopResult, LoopStep } from "./control.ts";
export { branch, loop } from "./control.ts";
export type { Dimension, Shape, SymbolicDimension } from "./dimension.ts";
export {
  dimension,
  productOf,
  shapeKey,
  sumOf,
} from "./dimension.ts";
export {
  add,
  and,
  cast,
  clip,
  divide,
  equal,
  exponential,
  gelu,
  less,
  lessOrEqual,
  minimum,
  multiply,
  negate,
  not,
  or,
  sigmoid,
  silu,
  subtract,
  where,
} from "./elementwise.ts";
export type { EmittedModel } from "./emit.ts";
export { emitModel } from "./emit.ts";
export { GraphError } from "./errors.ts";
export { gradients, reachedParameters } from "./gradient.ts";
export { gemm, linear, matmul } from "./linear.ts";
export type { DataType, FloatType, Kernels, Node, TensorData, TensorSource } from "./node.ts";
export { describe, Graph } from "./node.ts";
export { all, argMax, cumulativeSum, gatherAlong, gatherRow, writeAt } from "./selection.ts";
export {
  concat,
  expand,
  gather,
  pad,
  reduceSum,
  regroupRows,
  replaceRows,
  reshape,
  scatterAddRows,
  slice,
  transpose,
  zeros,
} from "./structure.ts";
export { operationTable } from "./table.ts";
