// The sandbox on the Docker engine: a pool whose runners are containers of the sandbox image.
import type { Duplex } from "node:stream";
import type { Container } from "dockerode";
import { ensureError } from "../../events/index.ts";
import { RunnerLostError } from "../errors.ts";
import { Runner, RunnerPool, type RunnerTransport } from "../runner/index.ts";
import type { IsolationLevel } from "../types.ts";
import {
  type ContainerLimits,
  containerOptions,
  defaultContainerLimits,
  type Owner,
  type SeccompChoice,
} from "./container.ts";
import { demultiplex } from "./demultiplex.ts";
import {
  type Engine,
  engineCall,
  imageDigest,
  openEngine,
  ownerOfThisProcess,
  removeContainer,
  removeLeftovers,
} from "./engine.ts";

/** What is kept of a runner's standard error, for the message of its loss. */
const lastWordsCharactersMax = 2_000;
/** How long an engine is asked why a container ended; a call waits for the answer. */
const endMsMax = 3_000;

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
  /** `own`: our list of system calls; `engine`: the engine's default, as for Podman. */
  readonly seccomp?: SeccompChoice;
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
  const owner = ownerOfThisProcess(options.run);
  return new RunnerPool({
    digest,
    size: options.size ?? defaultPoolSize,
    ...(options.level === undefined ? {} : { level: options.level }),
    open: () => openRunner(engine, options, owner),
  });
}

async function openRunner(
  engine: Engine,
  options: DockerSandboxOptions,
  owner: Owner,
): Promise<Runner> {
  const limits = { ...defaultContainerLimits, ...options.container };
  const { image, runtime, seccomp } = options;
  const settings = containerOptions({ image, owner, limits, runtime, seccomp });
  try {
    const container = await engineCall(engine, (docker) => docker.createContainer(settings));
    return await startRunner(engine, container);
  } catch (error) {
    const message = `a container could not be started: ${ensureError(error).message}`;
    throw new RunnerLostError(message, { cause: error });
  }
}

async function startRunner(engine: Engine, container: Container): Promise<Runner> {
  try {
    const stream = await engineCall(engine, () =>
      container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true }),
    );
    const runner = new Runner(new ContainerTransport(engine, container.id, stream as Duplex));
    await engineCall(engine, () => container.start());
    await runner.greet();
    return runner;
  } catch (error) {
    await removeContainer(engine, container.id).catch(() => undefined);
    throw error;
  }
}

class ContainerTransport implements RunnerTransport {
  readonly name: string;
  readonly #engine: Engine;
  readonly #id: string;
  readonly #stream: Duplex;
  #words = "";
  #destroyed: Promise<void> | null = null;

  constructor(engine: Engine, id: string, stream: Duplex) {
    this.name = id.slice(0, 12);
    this.#engine = engine;
    this.#id = id;
    this.#stream = stream;
    // A reset connection ends the iteration below too; without a listener it would end the process.
    stream.on("error", () => undefined);
  }

  get output(): AsyncIterable<Uint8Array> {
    return this.#readOutput();
  }

  lastWords(): string {
    return this.#words;
  }

  async wasOutOfMemory(): Promise<boolean> {
    try {
      const container = this.#engine.docker.getContainer(this.#id);
      // Its output has ended, so that its end is near where it has not come yet.
      await engineCall(this.#engine, () => container.wait(), endMsMax);
      const { State } = await engineCall(this.#engine, () => container.inspect(), endMsMax);
      return State.OOMKilled;
    } catch {
      return false; // Nobody knows, so it is a loss like any other.
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#end();
    return this.#destroyed;
  }

  async *#readOutput(): AsyncGenerator<Uint8Array> {
    for await (const chunk of demultiplex(this.#stream)) {
      if (chunk.stream === "stdout") yield chunk.bytes;
      else this.#keepWords(chunk.bytes);
    }
  }

  #keepWords(bytes: Uint8Array): void {
    const all = this.#words + Buffer.from(bytes).toString("utf8");
    this.#words = all.slice(-lastWordsCharactersMax);
  }

  async #end(): Promise<void> {
    this.#stream.destroy();
    // With an engine that is gone there is nothing to remove now; the next start finds the label.
    await removeContainer(this.#engine, this.#id).catch(() => undefined);
  }
}
