// The commands, loaded when they are called.
import type { CommandLoaders } from "../command.ts";

/** In the order of the overview. */
export const commandLoaders: CommandLoaders = {
  doctor: async () => (await import("./doctor/index.ts")).doctor,
  train: async () => (await import("./train.ts")).train,
  sft: async () => (await import("./sft.ts")).sft,
  eval: async () => (await import("./eval.ts")).evaluate,
  score: async () => (await import("./score.ts")).score,
  runs: async () => (await import("./runs.ts")).runs,
  show: async () => (await import("./show.ts")).show,
  trajectory: async () => (await import("./trajectory/index.ts")).trajectory,
  logs: async () => (await import("./logs/index.ts")).logs,
  ps: async () => (await import("./ps.ts")).ps,
  replay: async () => (await import("./replay.ts")).replay,
  rejudge: async () => (await import("./rejudge.ts")).rejudge,
  audit: async () => (await import("./audit.ts")).audit,
  bundle: async () => (await import("./bundle.ts")).bundle,
  verify: async () => (await import("./verify.ts")).verify,
  backup: async () => (await import("./backup.ts")).backup,
  prune: async () => (await import("./prune.ts")).prune,
  fork: async () => (await import("./fork.ts")).fork,
  diff: async () => (await import("./diff.ts")).diff,
  model: async () => (await import("./model/index.ts")).model,
  sandbox: async () => (await import("./sandbox/index.ts")).sandbox,
  bench: async () => (await import("./bench.ts")).bench,
  worker: async () => (await import("./worker.ts")).worker,
};
