// Opens a run or a worker. (The integrator is wiring this file right now: leave it, and do not write adapters.)
import { TerminalError } from "../../events/index.ts";
import type { OpenSession, RunWorker } from "./types.ts";

export const openSession: OpenSession = async () => {
  throw new TerminalError("not-wired", "the run cannot be started by this build");
};

export const runWorker: RunWorker = async () => {
  throw new TerminalError("not-wired", "workers cannot be started by this build");
};
