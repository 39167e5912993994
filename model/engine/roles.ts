// The sessions of a policy: each role's graph, written for its device, and what runs it.
import { freemem } from "node:os";
import { cpuDevice } from "../../events/index.ts";
import { Graph } from "../graph/index.ts";
import type { SegmentedGraph, StepGraph } from "../qwen/index.ts";
import {
  generateOutputs,
  learnOutputs,
  resumableOutputs,
  segmentedOutputs,
  stepOutputs,
  visionTokens,
  Weights,
} from "../qwen/index.ts";
import { keepingOf } from "./keeping.ts";
import type { PlacementWatch } from "./placement.ts";
import type { PolicyOptions } from "./policy.ts";
import { SegmentedRunner } from "./segments.ts";
import { type Runner, Session } from "./session.ts";
import type { OpenedSource } from "./source.ts";
import { StepRunner } from "./steps.ts";
import { type Role, threadsOf } from "./threads.ts";

/** What runs each role that was asked for. */
export type RoleSessions = Readonly<Record<Role, Runner | undefined>>;

type Outputs = SegmentedGraph | StepGraph | Pick<SegmentedGraph, "outputs">;

/** Builds the graphs and loads them; `watch` is told of every session. */
export async function openSessions(
  options: PolicyOptions,
  source: OpenedSource,
  watch?: PlacementWatch,
): Promise<RoleSessions> {
  const { tuning, threads, roles, widening, device = cpuDevice } = options;
  const { recompute = source.mapped ? "segments" : "none" } = options;
  const { kernels = device.type === "webgpu" ? "plain" : "every" } = options;
  const { config, directory } = source;
  const freeBytes = freemem();
  // WebGPU has no bfloat16: what is stored so is widened when the model loads, by the processor.
  const mapped = source.mapped && device.type !== "webgpu";
  const open = async (role: Role, outputsOf: (weights: Weights) => Outputs) => {
    if (!roles.includes(role)) return undefined;
    const graph = new Graph("float32", kernels);
    const outputs = outputsOf(new Weights(graph, config, tuning, source.frozen));
    const count = threadsOf(role, config, tuning, threads);
    const profile =
      options.profile === undefined ? watch?.prefix(role) : `${options.profile}-${role}`;
    const keeping = keepingOf(role, config, { mapped, widening, freeBytes });
    const settings = { threads: count, directory, mapped, profile, keeping, device, watch };
    if ("cacheNames" in outputs) {
      const location = device.type === "webgpu" ? "gpu-buffer" : "cpu";
      return StepRunner.open(outputs, config, location, settings);
    }
    return "stages" in outputs
      ? SegmentedRunner.open(outputs, config, settings)
      : Session.open(outputs.outputs, settings);
  };
  const isPlain = kernels === "plain";
  return {
    vision: await open("vision", (weights) => ({ outputs: { imageRows: visionTokens(weights) } })),
    generate: await open("generate", (weights) =>
      isPlain ? stepOutputs(weights) : { outputs: generateOutputs(weights) },
    ),
    stream: await open("stream", (weights) =>
      isPlain ? stepOutputs(weights) : { outputs: resumableOutputs(weights) },
    ),
    learn: await open("learn", (weights) =>
      recompute === "segments" ? segmentedOutputs(weights) : { outputs: learnOutputs(weights) },
    ),
  };
}
