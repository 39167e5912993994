// Where each node of a model ran, read from onnxruntime's profile. Onnxruntime moves whatever a
// device has no kernel for to the processor and says nothing: the numbers are right and the speed
// is gone. Whole numbers and shapes it puts there on purpose; floats have no business there.
import { type Device, deviceName, TerminalError } from "../../events/index.ts";

/** A node that ran elsewhere, or that moved floats between memories. */
export interface MisplacedNode {
  readonly name: string;
  readonly operation: string;
  readonly provider: string;
}

/** A profile that says nothing about nodes. */
export class ProfileError extends TerminalError {
  constructor(reason: string) {
    super("model.profile", `onnxruntime's profile cannot be read: ${reason}`);
  }
}

/** Nodes of an error message; the rest is counted. */
const namesShownMax = 6;

/** Floats that were computed elsewhere than on the device. */
export class PlacementError extends TerminalError {
  constructor(device: Device, nodes: readonly MisplacedNode[]) {
    const shown = nodes
      .slice(0, namesShownMax)
      .map(({ name, operation, provider }) => `${operation} "${name}" (${provider})`);
    const more = nodes.length - shown.length;
    const list = `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
    super(
      "model.placement",
      `${nodes.length} nodes with floats did not run on ${deviceName(device)}: ${list}; ` +
        'onnxruntime has no kernel for them there: take device = "cpu", and please report it',
      { facts: { device: deviceName(device), nodes } },
    );
  }
}

const providers = {
  cpu: "CPUExecutionProvider",
  cuda: "CUDAExecutionProvider",
  webgpu: "WebGpuExecutionProvider",
} as const;

const floatTypes: ReadonlySet<string> = new Set(["float", "float16", "bfloat16", "double"]);
/** They look at a tensor's sizes, never at its values. */
const sizeOperations: ReadonlySet<string> = new Set(["Shape", "Size"]);
const copyOperations: ReadonlySet<string> = new Set(["MemcpyToHost", "MemcpyFromHost"]);
const nodeEnding = "_kernel_time";

/**
 * The nodes with floats that a profile (its parsed JSON) shows elsewhere than on `device`, each
 * once. What comes in and goes out of a model is copied by nobody's node, so that a copy of floats
 * is one in its midst.
 * @throws {ProfileError}
 */
export function misplacedNodes(profile: unknown, device: Device): readonly MisplacedNode[] {
  if (!Array.isArray(profile)) throw new ProfileError("it is no list of events");
  const found = new Map<string, MisplacedNode>();
  let nodes = 0;
  for (const event of profile) {
    const node = nodeOf(event);
    if (node === undefined) continue;
    nodes++;
    const { name, operation, provider } = node;
    if (!node.hasFloats || sizeOperations.has(operation)) continue;
    if (provider === providers[device.type] && !copyOperations.has(operation)) continue;
    found.set(`${name} ${provider}`, { name, operation, provider });
  }
  if (nodes === 0) throw new ProfileError("it names no node");
  // A copy is the consequence of a node elsewhere, which is what a person wants to read first.
  const isCopy = ({ operation }: MisplacedNode) => copyOperations.has(operation);
  const all = [...found.values()];
  return [...all.filter((node) => !isCopy(node)), ...all.filter(isCopy)];
}

interface RunNode extends MisplacedNode {
  readonly hasFloats: boolean;
}

/** The node whose run an event tells of; undefined for other events. */
function nodeOf(event: unknown): RunNode | undefined {
  if (!isRecord(event) || event["cat"] !== "Node") return undefined;
  const { name, args } = event;
  if (typeof name !== "string" || !name.endsWith(nodeEnding)) return undefined;
  const { op_name: operation, provider } = isRecord(args) ? args : {};
  if (typeof operation !== "string" || typeof provider !== "string" || !isRecord(args))
    throw new ProfileError(`"${name}" has no operation or no provider`);
  const types = [...typesOf(args["input_type_shape"]), ...typesOf(args["output_type_shape"])];
  const hasFloats = types.some((type) => floatTypes.has(type));
  return { name: name.slice(0, -nodeEnding.length), operation, provider, hasFloats };
}

/** Element types of `[{ "float": [2, 3] }, …]`. */
function typesOf(list: unknown): readonly string[] {
  return Array.isArray(list)
    ? list.flatMap((entry) => (isRecord(entry) ? Object.keys(entry) : []))
    : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
