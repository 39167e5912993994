// The sandbox on the Docker engine, or Podman: a pool whose runners are containers of the sandbox
// image.
import type { Container, ContainerCreateOptions } from "dockerode";
import { ensureError } from "../../events/index.ts";
import { RunnerLostError } from "../errors.ts";
import { Runner, RunnerPool } from "../runner/index.ts";
import type { IsolationLevel, PoolNotice } from "../types.ts";
import { attach } from "./attach.ts";
import {
  type ContainerLimits,
  containerOptions,
  defaultContainerLimits,
  type SeccompChoice,
} from "./container.ts";
import {
  type Engine,
  engineCall,
  imageDigest,
  openEngine,
  ownerOfThisProcess,
  removeLeftovers,
} from "./engine.ts";
import { forPodman, isPodman, writeProfile } from "./podman.ts";
import { Removals } from "./removals.ts";
import { ContainerTransport } from "./transport.ts";

export interface DockerSandboxOptions {
  /** Image with `image/runner.py`; `sandboxImageTag()` names the one that set-up builds. */
  readonly image: string;
  /** What was added to the image, for the mend where it is missing. */
  readonly packages?: readonly string[];
  /** Names the run on the containers' labels. */
  readonly run: string;
  /** Containers at most. */
  readonly size?: number;
  /** `fork` by default. */
  readonly level?: IsolationLevel;
  /** Path of the engine's socket, or "tcp://host:port". */
  readonly socket?: string;
  readonly container?: Partial<ContainerLimits>;
  /** Another runtime of the engine, such as "runsc". */
  readonly runtime?: string;
  /** `own`: our list of system calls; `engine`: the engine's default. */
  readonly seccomp?: SeccompChoice;
  /** How much longer than its program a runner may take to answer, in milliseconds. */
  readonly watchdogMs?: number;
  /** Told of what happens to the containers. */
  readonly onNotice?: (notice: PoolNotice) => void;
}

export const defaultPoolSize = 2;

/**
 * Opens a sandbox: reaches the engine, finds the image, removes containers of heads that are gone.
 * Containers are started by the first calls, or by `warm`.
 * @throws EngineUnreachableError, SandboxImageMissingError
 */
export async function openDockerSandbox(options: DockerSandboxOptions): Promise<RunnerPool> {
  const engine = openEngine(options.socket === undefined ? {} : { socket: options.socket });
  const digest = await imageDigest(engine, options.image, options.packages);
  await removeLeftovers(engine);
  const { settings, dispose } = await settingsFor(engine, options);
  const removals = new Removals(engine);
  return new RunnerPool({
    digest,
    size: options.size ?? defaultPoolSize,
    ...(options.level === undefined ? {} : { level: options.level }),
    ...(options.onNotice === undefined ? {} : { onNotice: options.onNotice }),
    open: () => openRunner(engine, removals, settings, options.watchdogMs),
    dispose: async () => {
      await removals.again();
      await dispose();
    },
  });
}

/** What each container is created with, in the words of this engine. */
async function settingsFor(
  engine: Engine,
  { image, run, runtime, seccomp = "own", container }: DockerSandboxOptions,
): Promise<{ readonly settings: ContainerCreateOptions; readonly dispose: () => Promise<void> }> {
  const limits = { ...defaultContainerLimits, ...container };
  const owner = ownerOfThisProcess(run);
  const settings = containerOptions({ image, owner, limits, runtime, seccomp });
  if (!(await isPodman(engine))) return { settings, dispose: async () => {} };
  const profile = seccomp === "own" ? await writeProfile(engine) : null;
  return {
    settings: forPodman(settings, limits, profile),
    dispose: async () => profile?.remove(),
  };
}

async function openRunner(
  engine: Engine,
  removals: Removals,
  settings: ContainerCreateOptions,
  watchdogMs: number | undefined,
): Promise<Runner> {
  try {
    await removals.again();
    const container = await engineCall(engine, (docker) => docker.createContainer(settings));
    return await startRunner(engine, removals, container, watchdogMs);
  } catch (error) {
    const message = `a container could not be started: ${ensureError(error).message}`;
    throw new RunnerLostError(message, { cause: error });
  }
}

async function startRunner(
  engine: Engine,
  removals: Removals,
  container: Container,
  watchdogMs: number | undefined,
): Promise<Runner> {
  try {
    const stream = await engineCall(engine, () => attach(engine, container.id));
    const transport = new ContainerTransport(engine, removals, container.id, stream);
    const runner = new Runner(transport, watchdogMs);
    await engineCall(engine, () => container.start());
    await runner.greet();
    return runner;
  } catch (error) {
    await removals.remove(container.id);
    throw error;
  }
}
