// The engine as Rollout uses it.
import { assert, hashName } from "../../events/index.ts";
import type { Policy, Sequence, TensorMap, Turn } from "../../model/index.ts";
import type { PolicySampler, SampledTurn, TurnRequest } from "../rollout/index.ts";
import type { Pictures } from "./pictures.ts";
import { decodeTensors, encodeTensors } from "./tensor-bytes.ts";
import type { Vocabulary } from "./vocabulary.ts";

type Shapes = Parameters<typeof encodeTensors>[1];

export interface SamplerOptions {
  readonly policy: Pick<Policy, "generate">;
  readonly shapes: Shapes;
  readonly pictures: Pictures;
  readonly vocabulary: Vocabulary;
  readonly rowsMax: number;
}

/** A sampler over an opened policy with the roles `vision` and `generate`. */
export function policySampler(options: SamplerOptions): PolicySampler {
  const { policy, shapes, pictures, vocabulary, rowsMax } = options;
  let held: TensorMap | null = null;
  return {
    rowsMax,
    async load(name, bytes) {
      held = decodeTensors(bytes, shapes, `policy ${name}`);
      // The hash of what is really fed, not of what came in.
      return hashName(encodeTensors(held, shapes));
    },
    async sample(requests, { temperature, greedy }) {
      assert(held !== null, "a policy is loaded before it is sampled");
      const contexts = await sharedContexts(requests, pictures);
      const rows = requests.map(({ uniforms }, index) => {
        const context = contexts[index];
        assert(context !== undefined, "one context per request");
        return { context, uniforms, tokensMax: uniforms.length };
      });
      const { bannedIds, stopIds } = vocabulary;
      const settings = { temperature, greedy, bannedIds, stopIds };
      return (await policy.generate(held, rows, settings)).map(sampledTurn);
    },
  };
}

/** Requests with equal tokens and images get one object: the engine reads it once. */
async function sharedContexts(
  requests: readonly TurnRequest[],
  pictures: Pictures,
): Promise<readonly Sequence[]> {
  const known = new Map<string, Promise<Sequence>>();
  return Promise.all(
    requests.map(({ ids, images }) => {
      const key = `${images.join()} ${ids.join()}`;
      const context =
        known.get(key) ?? pictures.getAll(images).then((ready) => ({ ids, images: ready }));
      known.set(key, context);
      return context;
    }),
  );
}

function sampledTurn({ ids, logProbs, entropies, end }: Turn): SampledTurn {
  const total = entropies.reduce((sum, value) => sum + value, 0);
  return { ids, logProbs, entropy: total / entropies.length, finish: end };
}
