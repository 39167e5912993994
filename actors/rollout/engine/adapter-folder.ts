// The adapter of a policy as a PEFT folder that a server reads, and the proof that it is that
// policy: what stands on the disk is read back and its hash compared before any server is asked to
// load it.
import { chmod, mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { assert, ensureError, type HashName, hashName } from "../../../events/index.ts";
import {
  adapterPolicy,
  type ModelConfig,
  openAdapter,
  type TensorCodec,
  type TensorMap,
  type Tuning,
  trainableParameters,
  writeAdapter,
} from "../../../model/index.ts";
import { EngineAdapterError } from "./errors.ts";

export interface AdapterFolderOptions {
  /** Where adapters are written. */
  readonly directory: string;
  readonly model: ModelConfig;
  readonly tuning: Extract<Tuning, { readonly type: "lora" }>;
  readonly codec: TensorCodec;
  /** What was trained on: the path of the checkpoint. */
  readonly base: string;
}

/** The name of a policy's adapter, at the server and on the disk. */
export function adapterName(policy: HashName): string {
  return `varft-${policy.replace("sha256:", "")}`;
}

/** Writes, checks and removes adapters. */
export class AdapterFolders {
  readonly #options: AdapterFolderOptions;

  constructor(options: AdapterFolderOptions) {
    this.#options = options;
  }

  /**
   * Makes the folder of `policy` hold `parameters`, and resolves to the hash of what it holds. One
   * that is there already, of another worker or an earlier life, is used where its hash is right.
   *
   * @throws EngineAdapterError where it cannot be written or read back as it is
   */
  async write(policy: HashName, parameters: TensorMap): Promise<HashName> {
    const folder = this.pathOf(policy);
    if ((await this.#found(folder)) === policy) return policy;
    try {
      await this.#write(folder, policy, parameters);
    } catch (thrown) {
      const { message } = ensureError(thrown);
      throw new EngineAdapterError(
        `the adapter ${folder} cannot be written: ${message}; rollout.engine.adapters names a ` +
          "folder that this worker may write and the server may read",
        { cause: thrown },
      );
    }
    const found = await this.#found(folder);
    if (found === policy) return found;
    throw new EngineAdapterError(
      `the adapter ${folder} holds ${found ?? "nothing"}, not the planned policy ${policy}: what was ` +
        "written is not what stands there; is the disk sound, and the folder this run's own?",
    );
  }

  async remove(policy: HashName): Promise<void> {
    await rm(this.pathOf(policy), { recursive: true, force: true });
  }

  pathOf(policy: HashName): string {
    return join(this.#options.directory, adapterName(policy));
  }

  async #write(folder: string, policy: HashName, parameters: TensorMap): Promise<void> {
    const { directory, model, tuning, base } = this.#options;
    const shapes = trainableParameters(model, tuning);
    const tensors = new Map(
      shapes.map(({ name, shape }) => {
        const data = parameters.get(name);
        assert(data !== undefined, `the policy has the parameter ${name}`);
        return [name, { shape, data }];
      }),
    );
    await mkdir(directory, { recursive: true });
    // Written beside and moved: whoever sees the folder sees all of it.
    const beside = await mkdtemp(join(directory, ".writing-"));
    try {
      const { rank, alpha } = tuning;
      await writeAdapter(beside, { tensors, rank, alpha, base });
      await chmod(beside, 0o755);
      await rename(beside, folder).catch(async (thrown: unknown) => {
        // Another worker was as fast, and may be reading: only what is wrong is replaced.
        if ((await this.#found(folder)) === policy) return;
        if (!(await stat(folder).catch(() => null))?.isDirectory()) throw thrown;
        await rm(folder, { recursive: true, force: true });
        await rename(beside, folder);
      });
    } finally {
      await rm(beside, { recursive: true, force: true });
    }
  }

  /** The hash of what stands there; null where that is no adapter of this model. */
  #found(folder: string): Promise<HashName | null> {
    return this.#hashOf(folder).catch(() => null);
  }

  async #hashOf(folder: string): Promise<HashName> {
    const { model, codec } = this.#options;
    const { parameters } = await adapterPolicy(await openAdapter(folder, model), model);
    return hashName(codec.encode(parameters));
  }
}
