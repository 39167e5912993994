// What a worker is to its run: what it presents itself with, its address, and what it is told.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { TerminalError } from "../../events/index.ts";

/** The time between two heartbeats, in milliseconds. */
export const heartbeatMs = 1_000;
/** Leaves room in a subject for what tells processes of one name apart. */
const idCharsMax = 96;

/** Of a registration. */
export const workerShape = z.strictObject({
  /** Unique among the workers of a run. */
  id: z.string().min(1).max(idCharsMax),
  /** Where this process alone is asked: `workerAddress`. */
  address: z.string().min(1).max(128),
  role: z.string().min(1).max(64),
  pid: z.int().positive(),
  host: z.string().min(1).max(256),
  numericClass: z.strictObject({
    code: z.string().max(256),
    onnxruntime: z.string().max(256),
    device: z.string().max(256),
    sandbox: z.string().max(256),
    engine: z.string().max(256).optional(),
    learner: z.string().max(256).optional(),
  }),
});

/** A worker as it presents itself. */
export type WorkerInfo = z.infer<typeof workerShape>;

/** Which process of a worker speaks. */
export const workerNameShape = workerShape.pick({ id: true, address: true });
export type WorkerName = z.infer<typeof workerNameShape>;

/** What a heartbeat is told: to go on, to register (again), or that its name is another's now. */
export type Standing = "known" | "unknown" | "replaced";

export interface RegistryAddress {
  readonly cluster: string;
  readonly run: string;
}

/** The run's numeric class is another one. */
export class WorkerRefusedError extends TerminalError {
  constructor(id: string, difference: string) {
    const mend = 'use an equal host and build, or set determinism = "tolerance"';
    super("worker-refused", `worker ${id} is of another numeric class: ${difference}; ${mend}`);
  }
}

/** Another process works under the worker's name now. */
export class WorkerReplacedError extends TerminalError {
  constructor(id: string) {
    const mend = "this one ends; two that are to work side by side need two names (--id)";
    super("worker-replaced", `another process has registered as ${id}: ${mend}`);
  }
}

/**
 * A new address for a process of the worker `id`. A name may have two processes for a while, when a
 * head was paused and another one has started workers of its own; what one is asked is not for the
 * other.
 */
export function workerAddress(id: string): string {
  return `${id}_${randomBytes(8).toString("hex")}`;
}
