// One small call of each role that a policy was opened with, so that every node has run once: both
// sides of every branch, a round of every loop.
import type { ModelConfig } from "../config.ts";
import { blankImage } from "./images.ts";
import type { Policy } from "./policy.ts";
import type { Role } from "./threads.ts";

const sampling = { temperature: 1, bannedIds: [] };

/** Runs the roles; what they give is thrown away. */
export async function warmUp(policy: Policy, roles: readonly Role[]): Promise<void> {
  const { trainable, config } = policy;
  const id = wordOf(config);
  const context = { ids: [id, id], images: [] };
  const row = { context, tokensMax: 2, uniforms: Float32Array.of(0.5, 0.5) };
  const options = { ...sampling, stopIds: [] };
  if (roles.includes("vision")) await policy.vision(trainable, [blankImage(config)]);
  if (roles.includes("generate")) await policy.generate(trainable, [row], options);
  if (roles.includes("stream")) {
    for await (const _ of policy.stream(trainable, row, options, () => 1));
  }
  if (roles.includes("learn")) {
    const batch = { rows: [{ ...context, chosen: [1] }], sampling };
    await policy.logProbs(trainable, batch);
    const loss = { normalizer: 1, crossEntropy: { weights: Float32Array.of(1) } };
    await policy.gradient(trainable, batch, loss);
  }
}

/** A token that stands for nothing but itself. */
function wordOf({ tokens }: ModelConfig): number {
  const taken = new Set<number | undefined>(Object.values(tokens));
  let id = 0;
  while (taken.has(id)) id++;
  return id;
}
