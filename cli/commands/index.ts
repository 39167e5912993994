// The commands, loaded when they are called: a short command starts fast.
import type { Command } from "../command.ts";

/** In the order of the overview. */
export const commandLoaders: Readonly<Record<string, () => Promise<Command>>> = {
  doctor: async () => (await import("./doctor.ts")).doctor,
  train: async () => (await import("./train.ts")).train,
  sft: async () => (await import("./sft.ts")).sft,
  eval: async () => (await import("./eval.ts")).evaluate,
  runs: async () => (await import("./runs.ts")).runs,
  show: async () => (await import("./show.ts")).show,
  trajectory: async () => (await import("./trajectory.ts")).trajectory,
  bench: async () => (await import("./bench.ts")).bench,
  worker: async () => (await import("./worker.ts")).worker,
};
