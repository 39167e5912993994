// Names of adapter tensors in a PEFT folder:
// `base_model.model.<module>.lora_A.weight`, the module as transformers names it.
import { moduleName, publishedName } from "../input/index.ts";

const prefix = "base_model.model.";

/** One half of an adapter: which module's, and `down` [rank, in] or `up` [out, rank]. */
export interface AdapterTensorName {
  /** As transformers names it, in the layout of the file. */
  readonly module: string;
  /** By its published name. */
  readonly layer: string;
  readonly half: "down" | "up";
}

/** Our name of an adapter tensor (`<layer>.lora_A.weight`) as PEFT writes it. */
export function peftName(name: string): string {
  return `${prefix}${moduleName(name)}`;
}

/**
 * Reads a name of either layout of modules. PEFT leaves the adapter's own name out when it saves;
 * a plain `state_dict` has it between `lora_A` and `weight`.
 */
export function parsePeftName(name: string): AdapterTensorName | null {
  const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  const parts = /^(.+)\.lora_([AB])(?:\.[^.]+)?\.weight$/.exec(bare);
  if (parts === null) return null;
  const [, module = "", letter] = parts;
  return { module, layer: publishedName(module), half: letter === "A" ? "down" : "up" };
}
