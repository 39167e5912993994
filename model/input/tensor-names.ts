// The two layouts of Qwen2.5-VL's tensor names. Published checkpoints have `model.layers` and
// `visual`; transformers calls the same modules `model.language_model.layers` and `model.visual`
// since 4.52 (conversion_mapping.py), and some tools save what they see in memory.

const languagePrefix = "model.language_model.";
const towerPrefix = "model.visual.";

/** The name of a tensor or module in published checkpoints; other names stay as they are. */
export function publishedName(name: string): string {
  if (name.startsWith(languagePrefix)) return `model.${name.slice(languagePrefix.length)}`;
  return name.startsWith(towerPrefix) ? `visual.${name.slice(towerPrefix.length)}` : name;
}

/** The name of a tensor or module in today's transformers; the inverse of `publishedName`. */
export function moduleName(name: string): string {
  if (name.startsWith("visual.")) return `model.${name}`;
  return name.startsWith("model.") ? `${languagePrefix}${name.slice("model.".length)}` : name;
}
