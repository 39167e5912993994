// How a run was started, and whether a head that goes on with it was set up alike.
import type { RunConfig } from "../config/index.ts";
import { type EventData, encode, streams } from "../events/index.ts";
import { differenceOf } from "../runtime/index.ts";
import { RunMismatchError } from "./errors.ts";
import type { HeadOptions } from "./head-options.ts";
import { withoutPlacement } from "./placement.ts";

/**
 * What `run.started` says, or has to say.
 * @throws {RunMismatchError} where the run was started differently
 */
export async function startOfRun(options: HeadOptions): Promise<EventData<"run.started">> {
  const { config, numericClass, initial, address, ledger, varft } = options;
  const started: EventData<"run.started"> = {
    run: address.run,
    seed: config.run.seed,
    config: plain(config),
    numericClass,
    ...initial,
    ...(varft === undefined ? {} : { observed: { varft } }),
  };
  const [recorded] = await ledger.readStream(streams.run(address.run), 1, 1);
  if (recorded === undefined) return started;
  const before = recorded.data as EventData<"run.started">;
  const difference = differenceOf(numericClass, before.numericClass);
  if (difference !== null && config.determinism === "strict") {
    throw new RunMismatchError("numeric class", difference);
  }
  for (const key of ["seed", "config", "base", "policy", "optimizer", "parent"] as const) {
    const [was = null, is = null] =
      key === "config"
        ? [withoutPlacement(before.config), withoutPlacement(started.config)]
        : [before[key], started[key]];
    if (!same(was, is)) throw new RunMismatchError(key);
  }
  return before;
}

/** The config as it is recorded: plain data, keys that are absent left out. */
function plain(config: RunConfig): Record<string, unknown> {
  return JSON.parse(JSON.stringify(config)) as Record<string, unknown>;
}

function same(a: unknown, b: unknown): boolean {
  return Buffer.compare(encode(sortKeys(a)), encode(sortKeys(b))) === 0;
}

function sortKeys(value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const map = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.keys(map)
      .sort()
      .map((key) => [key, sortKeys(map[key])]),
  );
}
