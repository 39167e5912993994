// The `device` keys: where an actor computes.
import { z } from "zod";
import { DeviceNameError, parseDevice } from "../events/index.ts";

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
export function rolloutDevices({
  rollout,
}: {
  readonly rollout: { readonly device: string | readonly string[] };
}): readonly string[] {
  const given = rollout.device;
  return typeof given === "string" ? [given] : given;
}
