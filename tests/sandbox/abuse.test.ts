// Hostile programs against the host's engine, at both levels.
import Docker from "dockerode";
import { isolationLevels } from "../../sandbox/index.ts";
import { escapes } from "./abuse/escapes.ts";
import { outputs } from "./abuse/outputs.ts";
import { resources } from "./abuse/resources.ts";
import { abuseSuite } from "./abuse/suite.ts";

for (const level of isolationLevels) {
  abuseSuite({
    name: `docker at level ${level}`,
    abuses: [...resources, ...escapes, ...outputs],
    engine: async () => ({ docker: new Docker(), options: { level } }),
  });
}
