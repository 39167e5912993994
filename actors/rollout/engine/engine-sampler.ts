// A server as Rollout's sampler. The adapter of a policy is written, read back, hashed and only
// then loaded; every turn is asked of the name that holds the hash.
//
// 1. Rows are independent: each turn is a request of its own, and the server batches.
// 2. The uniform numbers of the built-in engine cannot be handed over; a turn's seed comes from the
//    same generator under the same names, so who asked when does not matter here either.
// 3. A server that was started again has forgotten its adapters: they are loaded again.
import { assert, type HashName } from "../../../events/index.ts";
import type { TensorCodec, TensorMap } from "../../../model/index.ts";
import type { PolicySampler, SampledTurn, TurnRequest } from "../ports.ts";
import { type AdapterFolders, adapterName } from "./adapter-folder.ts";
import { EngineAdapterError, EngineRefusedError } from "./errors.ts";
import type { EngineServer } from "./server.ts";
import { type TurnAskerOptions, turnAsker } from "./turn.ts";

/** Adapters beside the one in use that stay: a slower worker may still ask for the one before. */
const keptMax = 1;

export interface EngineSamplerOptions extends TurnAskerOptions {
  readonly codec: TensorCodec;
  readonly folders: AdapterFolders;
  /** The path under which the server sees a policy's folder. */
  readonly pathAtServer: (policy: HashName) => string;
  readonly rowsMax: number;
}

/** A sampler whose engine is a server. */
export interface EngineSampler extends PolicySampler {
  /** Unloads and removes what this worker has loaded, as far as the server can be reached. */
  close(): Promise<void>;
}

/** What is in use. */
interface Held {
  readonly policy: HashName;
  readonly parameters: TensorMap;
}

export function engineSampler(options: EngineSamplerOptions): EngineSampler {
  const { server, codec, folders, pathAtServer, rowsMax } = options;
  const ask = turnAsker(options);
  const loaded: HashName[] = [];
  let held: Held | null = null;
  const placeOnce = async ({ policy, parameters }: Held): Promise<HashName> => {
    const found = await folders.write(policy, parameters);
    await server.load(adapterName(policy), pathAtServer(policy));
    return found;
  };
  // Another worker that ends in this moment takes the folder away: once more, and it is ours.
  const place = (next: Held): Promise<HashName> =>
    placeOnce(next).catch((thrown: unknown) => {
      if (!(thrown instanceof EngineAdapterError)) throw thrown;
      return placeOnce(next);
    });
  const drop = async (policy: HashName): Promise<void> => {
    await server.unload(adapterName(policy));
    await folders.remove(policy);
  };
  return {
    rowsMax,
    independent: true,
    async load(policy, bytes) {
      const next = { policy, parameters: codec.decode(bytes, policy) };
      const found = await place(next);
      held = next;
      if (loaded.includes(policy)) loaded.splice(loaded.indexOf(policy), 1);
      loaded.push(policy);
      for (const old of loaded.splice(0, loaded.length - keptMax - 1)) await drop(old);
      return found;
    },
    sample(requests, { temperature, greedy }): Promise<readonly SampledTurn[]> {
      assert(held !== null, "a policy is loaded before it is sampled from");
      const using = held;
      const name = adapterName(using.policy);
      const one = async (request: TurnRequest): Promise<SampledTurn> => {
        try {
          return await ask(request, name, greedy ? 0 : temperature);
        } catch (thrown) {
          if (!isForgotten(thrown, server)) throw thrown;
          await place(using);
          return ask(request, name, greedy ? 0 : temperature);
        }
      };
      return Promise.all(requests.map(one));
    },
    async close() {
      for (const policy of loaded.splice(0)) {
        // Who closes may do so because the server is gone: what stays there is only a name.
        await server.unload(adapterName(policy)).catch(() => {});
        await folders.remove(policy).catch(() => {});
      }
    },
  };
}

function isForgotten(thrown: unknown, { dialect }: EngineServer): boolean {
  return thrown instanceof EngineRefusedError && dialect.isAdapterGone(thrown.status, thrown.words);
}
