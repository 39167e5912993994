// Writes adapters as a PEFT folder, which peft, transformers and vLLM load as it is.
//
// Invariants: 1. the bytes are a function of the arguments;
//             2. `adapter_config.json` comes last: a folder without it is a writing that did not
//                end.
import { join } from "node:path";
import { formatJson, type Tensor, writeSafetensors } from "../input/index.ts";
import { writeWholeFile } from "../whole-file.ts";
import { adapterConfigFile, adapterConfigJson } from "./adapter-config.ts";
import { peftName } from "./adapter-names.ts";
import { intoNewFolder } from "./new-folder.ts";
import { adapterWeightsFile } from "./read-adapter.ts";

/** What an adapter folder holds. */
export interface AdapterContent {
  /** Both halves of every adapted layer, named as in a policy: `<layer>.lora_A.weight`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly rank: number;
  readonly alpha: number;
  /** What it was trained on: the path or the name of a checkpoint. */
  readonly base: string;
  /** Further JSON files by name, for people and tools that want to know where it comes from. */
  readonly notes?: Readonly<Record<string, object>>;
}

/**
 * Writes `content` to `directory`, which must be new or empty, as float32.
 *
 * @throws OutputError when something is there
 */
export async function writeAdapter(directory: string, content: AdapterContent): Promise<void> {
  const { tensors, rank, alpha, base, notes = {} } = content;
  const layers = [...tensors.keys()].flatMap(
    (name) => /^(.+)\.lora_A\.weight$/.exec(name)?.[1] ?? [],
  );
  const named = new Map([...tensors].map(([name, tensor]) => [peftName(name), tensor]));
  const config = adapterConfigJson({ rank, alpha, layers, base });
  await intoNewFolder(directory, async () => {
    await writeSafetensors(join(directory, adapterWeightsFile), named, "F32");
    for (const [file, value] of [...Object.entries(notes), [adapterConfigFile, config] as const])
      await writeWholeFile(join(directory, file), [formatJson(value)]);
  });
}
