// The policy engine as Rollout's sampler. The hash of the parameters in use is computed from the
// numbers that are really fed to the engine, not from what was asked for.
import { assert, hashName } from "../../events/index.ts";
import type { Policy, Sequence, TensorCodec, TensorMap } from "../../model/index.ts";
import type { ImageStore } from "../images.ts";
import type { PolicySampler, SampledTurn, TurnRequest } from "./ports.ts";

export interface ModelSamplerOptions {
  readonly policy: Policy;
  readonly codec: TensorCodec;
  readonly images: ImageStore;
  readonly rowsMax: number;
  /** Tokens that end a turn. */
  readonly stopIds: readonly number[];
  /** Tokens that are never sampled: images, roles, padding, ids without a token. */
  readonly bannedIds: readonly number[];
}

/** A sampler over a policy with the roles `vision` and `generate`. */
export function modelSampler(options: ModelSamplerOptions): PolicySampler {
  const { policy, codec, images, rowsMax, stopIds, bannedIds } = options;
  let parameters: TensorMap | null = null;
  return {
    rowsMax,
    async load(name, bytes) {
      parameters = codec.decode(bytes, name);
      return hashName(codec.encode(parameters));
    },
    async sample(requests, { temperature, greedy }) {
      assert(parameters !== null, "a policy is loaded before it is sampled from");
      const contexts = await shareContexts(requests, images);
      const rows = requests.map(({ uniforms }, index) => {
        const context = contexts[index];
        assert(context !== undefined, "every request has a context");
        return { context, uniforms, tokensMax: uniforms.length };
      });
      const settings = { temperature, greedy, stopIds, bannedIds };
      const turns = await policy.generate(parameters, rows, settings);
      return turns.map(({ ids, logProbs, entropies, end }): SampledTurn => {
        const entropy = entropies.reduce((sum, value) => sum + value, 0) / entropies.length;
        return { ids, logProbs, entropy, finish: end };
      });
    },
  };
}

/** Requests with equal contexts (the first turn of a group) get one object, which is read once. */
async function shareContexts(
  requests: readonly TurnRequest[],
  images: ImageStore,
): Promise<readonly Sequence[]> {
  const known = new Map<string, Promise<Sequence>>();
  const read = async ({ ids, images: names }: TurnRequest): Promise<Sequence> => ({
    ids,
    images: await Promise.all(names.map((name) => images.get(name))),
  });
  return Promise.all(
    requests.map((request) => {
      const key = `${request.ids.join()} ${request.images.join()}`;
      const context = known.get(key) ?? read(request);
      known.set(key, context);
      return context;
    }),
  );
}
