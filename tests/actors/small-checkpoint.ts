// A small Qwen2.5-VL with fresh weights whose turns tend to end, for runs with the real engine.
import { freshCheckpoint } from "../../actors/learner/supervised/fresh-checkpoint.ts";
import { writeCheckpoint } from "../../model/index.ts";

const small = {
  seed: 1,
  dtype: "F32",
  tokenizer: { merges: 40 },
  model: {
    text: {
      hiddenSize: 32,
      intermediateSize: 48,
      layers: 1,
      heads: 2,
      keyValueHeads: 1,
      ropeTheta: 10_000,
      ropeSections: [2, 3, 3],
    },
    vision: {
      hiddenSize: 32,
      intermediateSize: 48,
      layers: 1,
      heads: 2,
      windowPixels: 56,
      fullAttentionLayers: [0],
      imagePixelsMin: 3_136,
      imagePixelsMax: 3_136,
    },
  },
} as const;

/** Writes the checkpoint into a folder. */
export async function writeSmallCheckpoint(directory: string): Promise<void> {
  const fresh = freshCheckpoint(small);
  const { hiddenSize } = small.model.text;
  const embedding = fresh.tensors.get("model.embed_tokens.weight") ?? new Float32Array();
  // One direction that all tokens share, and the end token has more of: turns tend to end.
  for (let id = 0; id * hiddenSize < embedding.length; id++) {
    embedding[id * hiddenSize] = id === fresh.tokenizer.endOfTurnId ? 2 : 0.5;
  }
  await writeCheckpoint(directory, fresh.content(fresh.tensors));
}
