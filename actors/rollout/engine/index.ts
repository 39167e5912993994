// Engines at other servers, for those who sample with them.
export { AdapterFolders, adapterName } from "./adapter-folder.ts";
export { type EngineSampler, engineSampler } from "./engine-sampler.ts";
export {
  engineName,
  type OpenedServer,
  openServer,
  type ServerEngine,
  serverEngine,
} from "./open.ts";
export { requireSamplersLogProbs } from "./probe.ts";
export { ImageLinks } from "./prompt.ts";
export { type AskTurn, type TurnAskerOptions, turnAsker } from "./turn.ts";
