// Supervised learning: the warm start.
export type { FreshSettings } from "./fresh-checkpoint.ts";
export type { WarmStartProgress, WarmStartSettings } from "./warm-start.ts";
export { warmStart } from "./warm-start.ts";
