// What a server that samples cannot do.
import { rowsMaxDefault } from "../engine-schema.ts";
import type { RunConfig } from "../run-schema.ts";
import type { Fault } from "./fault.ts";

/** Highest temperature that vLLM takes (0.32, sampling_params.py). */
const vllmTemperatureMax = 2;

/** What a server cannot do, and keys that would have no effect there. */
export function engineContradictions(config: RunConfig): Fault[] {
  const { rollout, tune, determinism } = config;
  if (rollout.engine.type === "built-in") return [];
  const { server } = rollout.engine;
  const faults: Fault[] = [];
  const add = (path: string, message: string): void => {
    faults.push([path.split("."), message]);
  };
  if (tune.type === "full") {
    add(
      "tune.type",
      `is "full", but ${server} gets a policy as a LoRA adapter: use type = "lora", ` +
        'or rollout.engine.type = "built-in"',
    );
  } else if (tune.vision) {
    add("tune.vision", `must be false: ${server} leaves adapters on the vision tower out`);
  }
  if (determinism === "strict") {
    add(
      "determinism",
      `must be "tolerance": what ${server} samples depends on who else asks, so that a run is not ` +
        "repeated bit by bit",
    );
  }
  if (server === "vllm" && rollout.temperature > vllmTemperatureMax) {
    add("rollout.temperature", `is above ${vllmTemperatureMax}, the highest that vllm takes`);
  }
  if (rollout.threads !== 1) add("rollout.threads", `has no effect: ${server} samples`);
  if (rollout.rowsMax !== rowsMaxDefault) {
    add(
      "rollout.rowsMax",
      `has no effect: ${server} samples; there is rollout.engine.requests_max`,
    );
  }
  return faults;
}
