// What the commands ask of the wiring: a run that is under way, a worker, a warm start.
import type { Kept } from "../../actors/index.ts";
import type { RunConfig, WarmupConfig } from "../../config/index.ts";
import type { EventEnvelope } from "../../events/index.ts";
import type { ForkStart } from "../../replay/index.ts";
import type { openLedger } from "../../storage/index.ts";

/** Where a fork begins, instead of with its checkpoint. */
export interface Beginning extends ForkStart {
  /** What it continues; null where it goes on from a step. */
  readonly kept: Kept | null;
}

export interface SessionOptions {
  readonly run: string;
  /** The run directory; it is there already. */
  readonly directory: string;
  readonly config: RunConfig;
  /** Of a fork. */
  readonly beginning?: Beginning | undefined;
  readonly clock: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Every event of the run in the order of the ledger, those of earlier sessions first. */
  readonly onEvent: (event: EventEnvelope) => void;
  /** Opens the ledger; by default the one of the run directory. */
  readonly openLedger?: typeof openLedger;
  /** A word to the person: a worker died and is started again, a server is slow to answer. */
  readonly say: (text: string) => void;
}

/** A run that is under way in this process and its workers. */
export interface Session {
  /** The run's end; rejects with what stopped it. */
  readonly done: Promise<unknown>;
  /** Stops everything, and leaves no process, container or temporary file. May be called twice. */
  close(): Promise<void>;
}

/** Starts a run or goes on with it. Aborting the signal ends an opening that takes long. */
export type OpenSession = (options: SessionOptions, signal: AbortSignal) => Promise<Session>;

export interface WorkerOptions {
  readonly role: "rollout" | "learner";
  readonly worker: string;
  readonly cluster: string;
  readonly run: string;
  readonly bus: { readonly url: string; readonly token: string };
  /** Where a Rollout worker samples; by default the first device that the run names. */
  readonly device?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Works for a head until the signal is aborted. */
export type RunWorker = (options: WorkerOptions, signal: AbortSignal) => Promise<void>;

/** A stage of a warm start has come this far. */
export interface WarmupProgress {
  readonly stage: "perception" | "protocol";
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
}

/** Makes a checkpoint; resolves to the name (hash) of its weights. */
export type WarmUp = (
  config: WarmupConfig,
  options: {
    readonly onProgress: (progress: WarmupProgress) => void;
    readonly signal: AbortSignal;
  },
) => Promise<string>;
