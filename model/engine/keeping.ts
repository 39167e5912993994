// What a session keeps in memory when its weights stay in their file. It decides about memory and
// time, never about a value: the same products of the same numbers, in the same order.
import type { ModelConfig } from "../config.ts";
import { isVisionName, modelParameters, sizeOfShape } from "../qwen/index.ts";
import type { Role } from "./threads.ts";

/**
 * When weights that lie in their file are widened to float32 while a turn is sampled: once for all
 * its tokens (`turn`: all of them in memory at once, fast), or for each token (`token`).
 */
export type Widening = "turn" | "token";

/** What a session keeps. */
export interface Keeping {
  /** Freed memory stays with the session, for its next use. */
  readonly arena: boolean;
  readonly widensAtUse: boolean;
}

/** Keys, values and activations want memory, too. */
const marginBytes = 2 * 2 ** 30;
/** How much of the free memory one session may plan to take. */
const freeShareMax = 0.75;
const floatBytes = 4;
const storedBytes = 2;

/** What the session of `role` keeps. `freeBytes` is the memory that this process may still take. */
export function keepingOf(
  role: Role,
  config: ModelConfig,
  { mapped, widening, freeBytes }: KeepingOptions,
): Keeping {
  if (!mapped) return { arena: true, widensAtUse: false };
  // Stored weights stay in memory beside the widened ones, or would be read again and again.
  const needed = (floatBytes + storedBytes) * languageParameters(config) + marginBytes;
  const fits = needed <= freeShareMax * freeBytes;
  const chosen = widening ?? (fits ? "turn" : "token");
  const samples = role === "generate" || role === "stream";
  // The tower runs seldom, and would keep the most that it ever needed.
  return { arena: role !== "vision", widensAtUse: !(samples && chosen === "turn") };
}

/** What there is to choose from. */
export interface KeepingOptions {
  readonly mapped: boolean;
  /** What was asked for; by default what fits. */
  readonly widening: Widening | undefined;
  readonly freeBytes: number;
}

function languageParameters(config: ModelConfig): number {
  const language = modelParameters(config).filter(({ name }) => !isVisionName(name));
  return language.reduce((sum, { shape }) => sum + sizeOfShape(shape), 0);
}
