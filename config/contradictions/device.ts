// What devices cannot do.
import { rolloutDevices } from "../device-schema.ts";
import type { RunConfig } from "../run-schema.ts";
import type { Fault } from "./fault.ts";

/** What a device cannot do, and keys that would have no effect with it. */
export function deviceContradictions(config: RunConfig): Fault[] {
  return [...rolloutFaults(config), ...learnerFaults(config)];
}

function learnerFaults({ learner, tune, determinism }: RunConfig): Fault[] {
  const addsInAnyOrder = tune.type === "full" || tune.vision;
  if (learner.device === "cpu" || determinism !== "strict" || !addsInAnyOrder) return [];
  const what = tune.type === "full" ? "token embeddings" : "images that several rows show";
  const message =
    `must be "tolerance" with learner.device = "${learner.device}" and the gradient of ${what}: a ` +
    "GPU adds its parts in whatever order they come. Strict is possible with adapters on the " +
    "language model only";
  return [[["determinism"], message]];
}

function rolloutFaults(config: RunConfig): Fault[] {
  const { rollout, determinism } = config;
  const given = rolloutDevices(config);
  const faults: Fault[] = [];
  const other = given.find((name) => name !== "cpu");
  if (rollout.engine.type !== "built-in" && (other !== undefined || given.length > 1)) {
    faults.push([["rollout", "device"], `has no effect: ${rollout.engine.server} samples`]);
    return faults;
  }
  if (rollout.workers > 0 && rollout.workers < given.length) {
    const message = `is ${rollout.workers}, but rollout.device lists ${given.length} devices`;
    faults.push([["rollout", "workers"], message]);
  }
  if (other !== undefined && determinism === "strict") {
    const message =
      `must be "tolerance" with rollout.device = "${other}": what a GPU samples depends in its last ` +
      "bits on who is sampled with it, so that a run is not repeated bit by bit";
    faults.push([["determinism"], message]);
  }
  return faults;
}
