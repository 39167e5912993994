// The private bus of a head: a `nats-server` on loopback that lives exactly as long as the head.
//
// 1. Port and token are kept in the run directory, readable by the owner alone, so that a restarted
//    head finds its bus and its workers. The token is never an argument: those are public.
// 2. The server dies with its parent, however that ends: a shell holds a leash pipe and kills the
//    server when the pipe closes. One that outlived shell and head is ended by the next head.
// 3. A server that dies alone is started again on the same port, with growing waits and a bound.
//    One that was ended by another head, while this one stood still, is not: the bus is that
//    head's.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { ensureError } from "../../events/index.ts";
import { backoffMs, sleep } from "../backoff.ts";
import { Intensity } from "../intensity.ts";
import {
  NatsPortInUseError,
  NatsServerError,
  NatsServerMissingError,
  NatsTakenOverError,
} from "./errors.ts";
import {
  type BusPlace,
  busFileOf,
  configFileOf,
  endServer,
  isServer,
  keepState,
  serverOf,
  urlOf,
} from "./nats-files.ts";

const startTimeoutMs = 5_000;
const stopTimeoutMs = 2_000;
/** How often a port that is in use is tried again: a server whose parent died is still leaving. */
const portAttemptsMax = 6;
/** Restarts of a server that dies alone within `restartWindowMs`. */
const restartsMax = 8;
const restartWindowMs = 60_000;
const logLinesMax = 20;

export interface NatsServerOptions {
  /** The run directory. */
  readonly directory: string;
  /** `nats-server` on the path by default. */
  readonly binary?: string;
  /** Called when the server is gone for good. */
  readonly onFailed?: (error: Error) => void;
}

export interface NatsServer extends BusPlace {
  /** The process id of the shell that guards the server. */
  readonly pid: number;
  stop(): Promise<void>;
}

interface Running {
  readonly child: ChildProcess;
  readonly server: number | null;
  readonly exited: Promise<string>;
  readonly log: readonly string[];
}

/**
 * Starts the private bus of a run directory, on the port and with the token that it had before.
 * @throws {NatsServerMissingError} {NatsPortInUseError} {NatsServerError}
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const { directory, binary = "nats-server" } = options;
  await mkdir(directory, { recursive: true });
  const state = await keepState(directory);
  endServer(directory, serverOf(directory));
  const server = new GuardedServer(directory, binary, state.port, options.onFailed);
  await server.start();
  return {
    url: urlOf(state.port),
    token: state.token,
    get pid() {
      return server.pid;
    },
    stop: () => server.stop(),
  };
}

class GuardedServer {
  readonly #directory: string;
  readonly #binary: string;
  readonly #port: number;
  readonly #onFailed: ((error: Error) => void) | undefined;
  readonly #stopping = new AbortController();
  readonly #restarts = new Intensity(restartWindowMs);
  #running: Running | null = null;
  #watch: Promise<void> = Promise.resolve();

  constructor(
    directory: string,
    binary: string,
    port: number,
    onFailed: ((error: Error) => void) | undefined,
  ) {
    this.#directory = directory;
    this.#binary = binary;
    this.#port = port;
    this.#onFailed = onFailed;
  }

  get pid(): number {
    return this.#running?.child.pid ?? 0;
  }

  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#running = await launch(this.#binary, this.#directory, this.#port);
        break;
      } catch (thrown) {
        const busy = thrown instanceof NatsPortInUseError;
        if (!busy || attempt === portAttemptsMax) throw thrown;
        await sleep(backoffMs(attempt), this.#stopping.signal);
      }
    }
    this.#watch = this.#guard(this.#running);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("stopped"));
    const { child, exited } = this.#running ?? {};
    child?.stdin?.end();
    const kill = setTimeout(() => child?.kill("SIGKILL"), stopTimeoutMs);
    await exited;
    clearTimeout(kill);
    await this.#watch;
  }

  async #guard({ exited, log, server }: Running): Promise<void> {
    const cause = await exited;
    if (this.#stopping.signal.aborted) return;
    try {
      const restarts = this.#restarts.note(performance.now());
      if (restarts > restartsMax) throw new NatsServerError(cause, log);
      await sleep(backoffMs(restarts), this.#stopping.signal);
      const found = serverOf(this.#directory);
      const isOthers = found !== server && isServer(this.#directory, found);
      if (isOthers) throw new NatsTakenOverError(found);
      await this.start();
    } catch (thrown) {
      if (!this.#stopping.signal.aborted) this.#onFailed?.(ensureError(thrown));
    }
  }
}

// fd 3 is the leash: `cat` ends when the parent's end of the pipe closes. The server gets no stdin.
const guardScript = `
exec 3<&0
"$1" -c "$2" </dev/null &
server=$!
{ cat <&3 >/dev/null 2>&1; kill "$server" 2>/dev/null; } &
leash=$!
exec 3<&- </dev/null
trap 'kill "$server" 2>/dev/null' TERM INT
wait "$server"
code=$?
kill "$leash" 2>/dev/null
exit "$code"
`;

async function launch(binary: string, directory: string, port: number): Promise<Running> {
  const config = configFileOf(directory);
  const child = spawn("sh", ["-c", guardScript, "sh", binary, config], {
    stdio: ["pipe", "ignore", "pipe"],
    // Its own group: Ctrl-C in a terminal reaches the head, which then stops its bus last.
    detached: true,
  });
  const log: string[] = [];
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? `ended with code ${code}`));
  });
  child.stdin?.on("error", () => {});
  let server: number | null = null;
  child.once("exit", () => {
    child.stdin?.destroy();
    // A shell that was killed has left its server behind.
    endServer(directory, server);
  });
  const ready = new Promise<"ready">((resolve) => {
    let rest = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      log.push(...lines);
      log.splice(0, log.length - logLinesMax);
      if (lines.some((line) => line.includes("Server is ready"))) resolve("ready");
    });
  });
  const abandon = new AbortController();
  const late = sleep(startTimeoutMs, abandon.signal).then(
    () => "is not ready in time",
    () => "",
  );
  const outcome = await Promise.race([ready, exited, late]);
  abandon.abort(new Error("over"));
  if (outcome === "ready") {
    server = serverOf(directory);
    return { child, exited, log, server };
  }
  child.stdin?.end();
  child.kill("SIGTERM");
  if (outcome === "ended with code 127") throw new NatsServerMissingError(binary);
  if (log.some((line) => line.includes("address already in use"))) {
    throw new NatsPortInUseError(port, busFileOf(directory));
  }
  throw new NatsServerError(outcome, log);
}
