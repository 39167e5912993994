// Reads a PEFT folder: which layers it adapts, and their two matrices on demand.
//
// Invariants: 1. every tensor of the file is an adapter of a linear layer of this model, with the
//                shape and the rank that model and configuration ask for (I6);
//             2. nothing but headers is read until a layer's values are asked for.
import { join } from "node:path";
import type { ModelConfig } from "../config.ts";
import {
  readFloat32,
  readSafetensorsHeader,
  requireFloat,
  type TensorEntry,
} from "../input/index.ts";
import {
  adapterNames,
  isLinear,
  isVisionName,
  modelParameters,
  type TensorMap,
  type Tuning,
} from "../qwen/index.ts";
import { fileExists } from "../whole-file.ts";
import { type AdapterConfig, readAdapterConfig } from "./adapter-config.ts";
import { type AdapterTensorName, parsePeftName } from "./adapter-names.ts";
import { AdapterError } from "./errors.ts";

/** Name of the weights in an adapter folder. */
export const adapterWeightsFile = "adapter_model.safetensors";

/** An adapter on one linear layer: weight + scale · up · down. */
export interface AdapterLayer {
  /** Published name of the module. */
  readonly layer: string;
  /** Of the weight, [out, in]. */
  readonly shape: readonly number[];
  readonly rank: number;
  readonly scale: number;
  /** Reads `down` [rank, in] and `up` [out, rank], row by row. */
  read(): Promise<{ readonly down: Float32Array; readonly up: Float32Array }>;
}

/** An opened adapter folder. */
export interface Adapter {
  readonly directory: string;
  /** What it was trained on, by its own account. */
  readonly base: string | null;
  /** By published name of the module, in the model's order. */
  readonly layers: ReadonlyMap<string, AdapterLayer>;
}

/** An adapter in the form that a policy takes. */
export interface AdapterPolicy {
  readonly tuning: Tuning & { readonly type: "lora" };
  /** Values for every trainable parameter of `tuning`; layers without an adapter have zeros. */
  readonly parameters: TensorMap;
}

/**
 * Opens the adapter in `directory` for a model.
 *
 * @throws CheckpointError, AdapterError naming the file and the tensor or key at fault
 */
export async function openAdapter(directory: string, model: ModelConfig): Promise<Adapter> {
  const config = await readAdapterConfig(directory);
  const file = await weightsOf(directory);
  const halves = collectHalves(file, await readSafetensorsHeader(file));
  const linear = new Map(
    modelParameters(model)
      .filter(isLinear)
      .map(({ name, shape }) => [name.replace(/\.weight$/, ""), shape]),
  );
  for (const [layer, { down, up }] of halves) {
    if (!linear.has(layer)) throw noSuchLayer(file, (down ?? up)?.tensor ?? layer, layer);
  }
  const layers = [...linear].flatMap(([layer, shape]) => {
    const pair = halves.get(layer);
    return pair === undefined
      ? []
      : [[layer, openLayer(config, file, layer, pair, shape)] as const];
  });
  if (layers.length === 0) {
    throw new AdapterError("adapter.empty", `${file} holds no adapter`, { facts: { file } });
  }
  return { directory, base: config.base, layers: new Map(layers) };
}

/**
 * The adapter as parameters of a policy. Where all layers share rank and scale, the values are
 * those of the file. Else ranks are filled up with zeros and each scale goes into `up`.
 */
export async function adapterPolicy(adapter: Adapter, model: ModelConfig): Promise<AdapterPolicy> {
  const layers = [...adapter.layers.values()];
  const rank = Math.max(...layers.map((one) => one.rank));
  const [first] = layers;
  const alike = layers.every((one) => one.rank === rank && one.scale === first?.scale);
  const scale = alike ? (first?.scale ?? 1) : 1;
  const scope = layers.some(({ layer }) => isVisionName(layer)) ? "all" : "language";
  const tuning = { type: "lora", rank, alpha: scale * rank, seed: 0, scope } as const;
  const parameters = new Map<string, Float32Array>();
  for (const { name, shape, kind } of modelParameters(model)) {
    if (!isLinear({ name, shape, kind }) || (scope === "language" && isVisionName(name))) continue;
    const [outSize = 0, inSize = 0] = shape;
    const layer = name.replace(/\.weight$/, "");
    const names = adapterNames(layer);
    const found = adapter.layers.get(layer);
    const down = new Float32Array(rank * inSize);
    const up = new Float32Array(outSize * rank);
    if (found !== undefined) {
      const values = await found.read();
      down.set(values.down);
      const factor = found.scale / scale;
      for (const [index, value] of values.up.entries()) {
        const row = Math.floor(index / found.rank);
        up[row * rank + (index % found.rank)] = factor * value;
      }
    }
    parameters.set(names.down, down).set(names.up, up);
  }
  return { tuning, parameters };
}

async function weightsOf(directory: string): Promise<string> {
  const file = join(directory, adapterWeightsFile);
  if (await fileExists(file)) return file;
  const pickled = await fileExists(join(directory, "adapter_model.bin"));
  const mend = pickled
    ? "adapter_model.bin can hold code and is not read: save it with safe_serialization=True"
    : "give the folder that peft's save_pretrained wrote";
  throw new AdapterError("adapter.file_missing", `${file} is missing; ${mend}`, {
    facts: { file },
  });
}

interface Half {
  /** Its name in the file. */
  readonly tensor: string;
  readonly name: AdapterTensorName;
  readonly entry: TensorEntry;
}

type Pair = { -readonly [half in AdapterTensorName["half"]]?: Half };

function collectHalves(
  file: string,
  entries: ReadonlyMap<string, TensorEntry>,
): ReadonlyMap<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const [tensor, entry] of entries) {
    const name = parsePeftName(tensor);
    if (name === null) {
      throw new AdapterError(
        "adapter.tensor",
        `${file}: tensor ${tensor} is no half of a LoRA adapter (lora_A.weight, lora_B.weight)`,
        { facts: { file, tensor } },
      );
    }
    requireFloat(tensor, entry);
    const pair = pairs.get(name.layer) ?? {};
    const other = pair[name.half];
    if (other !== undefined) {
      throw new AdapterError(
        "adapter.tensor_twice",
        `${file}: ${other.tensor} and ${tensor} are adapters of the same layer; keep one`,
        { facts: { file, tensor } },
      );
    }
    pair[name.half] = { tensor, name, entry };
    pairs.set(name.layer, pair);
  }
  return pairs;
}

function openLayer(
  config: AdapterConfig,
  file: string,
  layer: string,
  { down, up }: Pair,
  shape: readonly number[],
): AdapterLayer {
  const [outSize = 0, inSize = 0] = shape;
  if (down === undefined || up === undefined) {
    const found = (down ?? up)?.tensor;
    throw new AdapterError(
      "adapter.half",
      `${file}: ${found} stands alone: ${layer} lacks its lora_${down === undefined ? "A" : "B"}`,
      { facts: { file, tensor: found } },
    );
  }
  const { module } = down.name;
  const rank = config.rankOf(module);
  requireShape(config, down, [rank, inSize]);
  requireShape(config, up, [outSize, rank]);
  return {
    layer,
    shape,
    rank,
    scale: config.scaleOf(module),
    read: async () => ({
      down: await readFloat32(down.tensor, down.entry),
      up: await readFloat32(up.tensor, up.entry),
    }),
  };
}

function requireShape(config: AdapterConfig, half: Half, shape: readonly number[]): void {
  const { tensor, entry } = half;
  if (`${entry.shape}` === `${shape}`) return;
  throw new AdapterError(
    "adapter.shape",
    `${entry.file}: tensor ${tensor} has shape [${entry.shape}], but the model and ${config.file} ` +
      `ask for [${shape}]; the adapter is of another model or rank`,
    { facts: { file: entry.file, tensor, shape: entry.shape, expected: shape } },
  );
}

function noSuchLayer(file: string, tensor: string, layer: string): AdapterError {
  return new AdapterError(
    "adapter.layer",
    `${file}: tensor ${tensor} adapts ${layer}, which is no linear layer of this model; the ` +
      `adapter is of another model, or adapts what is not read (embeddings, head, convolution)`,
    { facts: { file, tensor, layer } },
  );
}
