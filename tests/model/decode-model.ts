// ONNX models as a decoder other than our own encoder sees them.
import proto from "onnx-proto";

const { ModelProto } = proto.onnx;

/** The model that `bytes` hold. */
export function decodeModel(bytes: Uint8Array) {
  return ModelProto.decode(bytes);
}

/** The operations of a graph, in order. */
export function typesOf(graph: { node?: { opType?: string | null }[] | null } | null | undefined) {
  return (graph?.node ?? []).map(({ opType }) => opType);
}

/** What the decoder's own encoder makes of the model that `bytes` hold. */
export function encodeAgain(bytes: Uint8Array): Uint8Array {
  return ModelProto.encode(ModelProto.decode(bytes)).finish();
}
