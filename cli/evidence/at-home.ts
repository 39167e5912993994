// A recorded configuration on this host: its checkpoint and its device may be elsewhere.
import type { RunConfig } from "../../config/index.ts";

export interface Home {
  /** The checkpoint's folder; undefined: the run's own. */
  readonly model: string | undefined;
  /** Where is computed; undefined: as the run did. */
  readonly device: string | undefined;
}

/** The run's configuration with the checkpoint and the device of this host. */
export function atHome(config: RunConfig, { model, device }: Home): RunConfig {
  const { rollout, learner } = config;
  const placed =
    device === undefined
      ? config
      : { ...config, rollout: { ...rollout, device }, learner: { ...learner, device } };
  return model === undefined ? placed : { ...placed, model: { ...config.model, directory: model } };
}
