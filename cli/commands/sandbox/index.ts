// `varft sandbox …`: the agent's tool in a person's hands.
import type { CommandGroup } from "../../command.ts";

export const sandbox: CommandGroup = {
  name: "sandbox",
  about: "The agent's sandbox: run a program in it, see what is in its image",
  commands: {
    run: async () => (await import("./run.ts")).runProgram,
    image: async () => (await import("./image.ts")).showImage,
  },
};
