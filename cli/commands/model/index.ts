// `varft model …`: checkpoints and adapters without a run.
import type { CommandGroup } from "../../command.ts";

export const model: CommandGroup = {
  name: "model",
  about: "Checkpoints and adapters: look into them, ask them, merge and export them",
  commands: {
    inspect: async () => (await import("./inspect.ts")).inspect,
    generate: async () => (await import("./generate.ts")).generate,
    merge: async () => (await import("./merge.ts")).merge,
    export: async () => (await import("./export.ts")).exportPolicy,
  },
};
