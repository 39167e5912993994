// The `device` keys: where an actor computes.
import { z } from "zod";
import { DeviceNameError, parseDevice } from "../events/index.ts";
import type { RunConfig } from "./run-schema.ts";

/** Devices of a list; a worker takes one. */
const devicesMax = 1_024;

/** One device: `cpu`, `cuda:N` or `webgpu:0`. */
export const device = z.custom<string>((value) => nameFault(value) === null, {
  error: ({ input }) => nameFault(input) ?? "",
});

/** One, or a list of which worker i takes the i-th, beginning anew at its end. */
export const devices = z.custom<string | readonly string[]>((value) => listFault(value) === null, {
  error: ({ input }) => listFault(input) ?? "",
});

function nameFault(value: unknown): string | null {
  if (typeof value !== "string") return 'must be the name of a device, such as "cuda:0"';
  try {
    parseDevice(value);
    return null;
  } catch (thrown) {
    if (!(thrown instanceof DeviceNameError)) throw thrown;
    return `is "${value}", which is no device: ${thrown.mend}`;
  }
}

function listFault(value: unknown): string | null {
  if (!Array.isArray(value)) return nameFault(value);
  if (value.length === 0 || value.length > devicesMax)
    return `must list 1 to ${devicesMax} devices`;
  return value.map(nameFault).find((fault) => fault !== null) ?? null;
}

/** The devices of Rollout's workers, in turn. */
export function rolloutDevices({ rollout }: RunConfig): readonly string[] {
  const given = rollout.device;
  return typeof given === "string" ? [given] : given;
}

type Fault = readonly [path: readonly string[], message: string];

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
