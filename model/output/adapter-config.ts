// `adapter_config.json`: how PEFT describes a LoRA adapter (peft, tuners/lora/config.py).
//
// Invariant: a key that would change the numbers is understood or refused by name; what only steers
//            PEFT's own training or bookkeeping is passed over (I6).
import { join } from "node:path";
import { z } from "zod";
import { readJsonFile } from "../input/index.ts";
import { AdapterError } from "./errors.ts";

/** Name of the file in an adapter folder. */
export const adapterConfigFile = "adapter_config.json";

const pattern = z.record(z.string(), z.number().positive()).nullish();
const schema = z.looseObject({
  peft_type: z.string(),
  r: z.int().positive(),
  lora_alpha: z.number(),
  use_rslora: z.boolean().nullish(),
  rank_pattern: pattern,
  alpha_pattern: pattern,
  base_model_name_or_path: z.string().nullish(),
});

/** What an adapter's configuration says about its numbers. */
export interface AdapterConfig {
  readonly file: string;
  /** What the adapter was trained on: a path or a name on the hub, as its author wrote it. */
  readonly base: string | null;
  /** Rank of the adapter on the module of this name. */
  rankOf(module: string): number;
  /** Factor of the product up · down on the module of this name. */
  scaleOf(module: string): number;
}

/** Keys that mean nothing once an adapter is trained, whatever they say. */
const inert = new Set([
  ...["task_type", "auto_mapping", "peft_version", "revision", "inference_mode", "runtime_config"],
  // Which modules have an adapter is told by the tensors themselves.
  ...["target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"],
  ...["lora_dropout", "megatron_core", "qalora_group_size", "ensure_weight_tying"],
  ...["loftq_config", "eva_config", "corda_config", "lora_ga_config"],
]);

/** Keys that ask for another computation, and what they ask for. */
const unread: Readonly<Record<string, string>> = {
  use_dora: "a DoRA adapter (its magnitudes scale whole weights)",
  lora_bias: "biases inside the adapter",
  fan_in_fan_out: "transposed weights",
  modules_to_save: "whole modules that were trained beside the adapter",
  layer_replication: "repeated layers",
  target_parameters: "adapters on bare parameters",
  trainable_token_indices: "trained embeddings of single tokens",
  use_qalora: "a QALoRA adapter",
  alora_invocation_tokens: "an adapter that is switched on by a token",
};

/**
 * Ways to begin that leave the base's weights alone. Others write part of the adapter into them.
 */
const plainBeginnings = new Set(["gaussian", "orthogonal", "eva"]);

/**
 * Reads `adapter_config.json` in `directory`.
 *
 * @throws CheckpointError, AdapterError naming the file and the key
 */
export async function readAdapterConfig(directory: string): Promise<AdapterConfig> {
  const file = join(directory, adapterConfigFile);
  const json = await readJsonFile(file, schema);
  if (json.peft_type !== "LORA") {
    throw refused(file, "peft_type", `${json.peft_type}: only LORA adapters are read`);
  }
  for (const [key, value] of Object.entries(json)) requireNothingElse(file, key, value);
  const ranks = patternOf(file, "rank_pattern", json.rank_pattern);
  const alphas = patternOf(file, "alpha_pattern", json.alpha_pattern);
  const rankOf = (module: string) => ranks(module) ?? json.r;
  return {
    file,
    base: json.base_model_name_or_path ?? null,
    rankOf,
    scaleOf(module) {
      const rank = rankOf(module);
      const alpha = alphas(module) ?? json.lora_alpha;
      return alpha / (json.use_rslora === true ? Math.sqrt(rank) : rank);
    },
  };
}

/** What a configuration is written from. */
export interface AdapterDescription {
  readonly rank: number;
  readonly alpha: number;
  /** The modules with an adapter, by their published names. */
  readonly layers: readonly string[];
  /** What it was trained on: a path or a name. */
  readonly base: string;
}

/** The JSON of an adapter of ours. */
export function adapterConfigJson({ rank, alpha, layers, base }: AdapterDescription): object {
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    revision: null,
    r: rank,
    lora_alpha: alpha,
    target_modules: targetPattern(layers),
    exclude_modules: null,
    use_rslora: false,
    use_dora: false,
    rank_pattern: {},
    alpha_pattern: {},
    bias: "none",
    lora_dropout: 0,
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
    modules_to_save: null,
    layers_to_transform: null,
    layers_pattern: null,
    auto_mapping: null,
  };
}

/**
 * A regular expression that matches the names of these modules in full, in the layout of today's
 * transformers and in the older one, and those of no other: the tower has modules called gate_proj
 * too, so that a list of last names would not do.
 */
export function targetPattern(layers: readonly string[]): string {
  const parts = layers.map((layer) =>
    layer
      .replace(/^model\./, "")
      .replaceAll(".", "\\.")
      .replace(/^(layers|visual\\\.blocks)\\\.\d+/, "$1\\.\\d+"),
  );
  return `(?:.*\\.)?(?:${[...new Set(parts)].join("|")})`;
}

function requireNothingElse(file: string, key: string, value: unknown): void {
  if (Object.hasOwn(schema.shape, key) || inert.has(key)) return;
  if (key === "bias") {
    if (value !== "none") throw refused(file, key, `${value}: trained biases are not read`);
    return;
  }
  if (key === "init_lora_weights") {
    if (typeof value !== "string" || plainBeginnings.has(value)) return;
    const mend = "save it in peft with path_initial_model_for_weight_conversion";
    throw refused(file, key, `"${value}" changes the weights of the base; ${mend}`);
  }
  if (!isNothing(value)) {
    const what = unread[key] ?? `something unknown (${JSON.stringify(value)})`;
    throw refused(file, key, `asks for ${what}, which is not read`);
  }
}

function isNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function refused(file: string, key: string, what: string, cause?: unknown): AdapterError {
  return new AdapterError(
    "adapter.key",
    `${file}: key ${key}: ${what}. Merged in peft (merge_and_unload) it can be used as a checkpoint`,
    { cause, facts: { file, key } },
  );
}

/**
 * PEFT's rule for its patterns (get_pattern_key): the first key that, as a regular expression,
 * matches the end of the module's name from a dot on.
 */
function patternOf(
  file: string,
  key: string,
  values: Readonly<Record<string, number>> | null | undefined,
): (module: string) => number | undefined {
  const rules = Object.entries(values ?? {}).map(([expression, value]) => {
    try {
      return [new RegExp(`^(.*\\.)?(${expression})$`, "u"), value] as const;
    } catch (error) {
      throw refused(file, key, `"${expression}" is no regular expression that is read here`, error);
    }
  });
  return (module) => rules.find(([rule]) => rule.test(module))?.[1];
}
