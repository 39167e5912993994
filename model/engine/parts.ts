// What every role shares, and the feeds of what it samples by.
import type { ModelConfig } from "../config.ts";
import { maskedScore } from "../qwen/index.ts";
import type { ImageEncoder } from "./image-encoder.ts";
import type { RopeTable } from "./rope.ts";
import type { Feeds, Runner } from "./session.ts";
import { floats } from "./session.ts";

/** One role of a policy with the parameters of one call. */
export interface PolicyParts {
  readonly config: ModelConfig;
  readonly rope: RopeTable;
  readonly encoder: ImageEncoder;
  readonly session: Runner;
  readonly parameters: Feeds;
}

/** The sampling distribution that is drawn from and scored: the same in both. */
export interface SamplingSettings {
  readonly temperature: number;
  /** Token ids that must never be sampled: images, roles, padding. */
  readonly bannedIds: readonly number[];
}

/** Feeds of the sampling distribution. */
export function samplingFeeds(settings: SamplingSettings, { text }: ModelConfig) {
  const ban = new Float32Array(text.vocabularySize);
  for (const id of settings.bannedIds) ban[id] = maskedScore;
  return [
    ["inverseTemperature", floats(Float32Array.of(1 / settings.temperature), [])],
    ["ban", floats(ban, [text.vocabularySize])],
  ] as const;
}
