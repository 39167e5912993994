export { type ContainerLimits, defaultContainerLimits } from "./container.ts";
export { demultiplex } from "./demultiplex.ts";
export {
  defaultSocket,
  type Engine,
  type EngineOptions,
  engineCall,
  imageDigest,
  openEngine,
  removeLeftovers,
} from "./engine.ts";
export { type ImageFacts, imageFacts } from "./materials.ts";
export { isPodman } from "./podman.ts";
export { type DockerSandboxOptions, defaultPoolSize, openDockerSandbox } from "./sandbox.ts";
