// Where the actors of a run compute, and what that makes of its numeric class.
import { type RunConfig, rolloutDevices } from "../../config/index.ts";
import { type NumericClass, parseDevice } from "../../events/index.ts";
import { acceleratorOf, numericClassOf } from "../../runtime/index.ts";

export interface RunClassOptions {
  readonly config: RunConfig;
  /** The digest of the sandbox image. */
  readonly sandbox: string;
  /** The server that samples, or null. */
  readonly engine: string | null;
  /** The search path, for nvidia-smi. */
  readonly path: string;
}

/** The class that a run pins: the devices of this host that its configuration names. */
export async function runClassOf(options: RunClassOptions): Promise<NumericClass> {
  const { config, sandbox, engine, path } = options;
  const acceleratorAt = (device: string) => acceleratorOf(parseDevice(device), path);
  const names = new Set(await Promise.all(rolloutDevices(config).map(acceleratorAt)));
  const learner = await acceleratorAt(config.learner.device);
  const [first = null] = names;
  // A list of unequal devices is possible with tolerance only, where nobody compares.
  const accelerator =
    names.size === 1 ? first : [...names].map((name) => name ?? "cpu").join(" + ");
  return numericClassOf({ sandbox, engine, accelerator, learner });
}
