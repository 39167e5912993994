// One warm runner behind a pair of byte streams, whoever started it.
//
// Invariants:
// 1. One call at a time; the next is accepted only after the runner's `ready`.
// 2. Whatever breaks the stream, the nonce or the clock ends the runner: it is never used again.
// 3. An idle runner is listened to: its end, or a word that nobody asked for, is noticed at once.
// 4. Silence counts as the program's only where the program had been handed over, this process was
//    awake to hear, and the engine says that the container runs. Any other is a loss.
import { randomBytes } from "node:crypto";
import { assert, ensureError } from "../../events/index.ts";
import {
  RunnerLostError,
  RunnerSilentError,
  RunnerStarvedError,
  SandboxCancelledError,
} from "../errors.ts";
import type { Limits } from "../types.ts";
import {
  pingFrame,
  type RunnerFrame,
  type RunnerReply,
  readFrames,
  requestFrame,
} from "./frames.ts";

/** Beyond the program's own limit: what the runner may need to kill it, to read and to answer. */
const watchdogMsMax = 10_000;
/** A watchdog that wakes so much too late says that this process, or its host, stood still. */
const lateMsMax = 2_000;
/** From the start of a process or container to its first word: interpreter, NumPy, cv2. */
const helloMsMax = 60_000;
/** From an answer to `ready`: removing files, forking the next child. */
const readyMsMax = 10_000;
/** From a question for a sign of life to the sign. */
const pongMsMax = 5_000;

export interface RunnerTransport {
  /** Names the container or process in `observed` and in errors. */
  readonly name: string;
  /** The runner's standard output. Its end is the runner's end. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Resolves when the bytes are handed on (back-pressure). */
  write(bytes: Uint8Array): Promise<void>;
  /** Whether the container ended because its own memory was full; asked after its end. */
  wasOutOfMemory(): Promise<boolean>;
  /** Whether the container runs: neither ended nor paused. False where nobody knows. */
  isRunning(): Promise<boolean>;
  /** The last words on standard error, for the message of a loss. */
  lastWords(): string;
  /** Ends the runner for good; safe to repeat. */
  destroy(): Promise<void>;
}

export class Runner {
  readonly #transport: RunnerTransport;
  readonly #watchdogMsMax: number;
  readonly #frames: AsyncIterator<RunnerFrame>;
  /** The frame that comes next, where it is waited for already. */
  #ahead: Promise<IteratorResult<RunnerFrame>> | null = null;
  #busy = true;
  #hasServed = false;
  #lost: Error | null = null;
  #tellEnd: () => void = () => {};
  /** Resolves when the runner is lost or closed. */
  readonly ended: Promise<void> = new Promise((resolve) => {
    this.#tellEnd = resolve;
  });

  /** @param watchdogMs how much longer than its program it may take to answer, in milliseconds */
  constructor(transport: RunnerTransport, watchdogMs: number = watchdogMsMax) {
    this.#transport = transport;
    this.#watchdogMsMax = watchdogMs;
    this.#frames = readFrames(transport.output)[Symbol.asyncIterator]();
  }

  get name(): string {
    return this.#transport.name;
  }

  get lost(): boolean {
    return this.#lost !== null;
  }

  /** Whether it was given a program before. */
  get hasServed(): boolean {
    return this.#hasServed;
  }

  /** Waits for the first word. */
  async greet(): Promise<void> {
    await this.#expect("hello", helloMsMax);
    this.#rest();
  }

  /**
   * Runs one program. Rejects with `RunnerLostError`, `RunnerStarvedError`, `RunnerSilentError` or
   * `SandboxCancelledError`; each ends it.
   */
  async call(
    program: Uint8Array,
    image: Uint8Array,
    limits: Limits,
    signal?: AbortSignal,
  ): Promise<RunnerReply> {
    assert(!this.#busy && !this.lost, `runner ${this.name} is busy or lost`);
    this.#busy = true;
    this.#hasServed = true;
    const nonce = randomBytes(16).toString("hex");
    const onAbort = () => void this.#lose(new SandboxCancelledError("the execution was cancelled"));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const request = requestFrame(nonce, program, image, limits);
      const reply = await this.#expect("reply", limits.wallMsMax + this.#watchdogMsMax, request);
      if (reply.header.nonce !== nonce) {
        throw await this.#lose(new RunnerLostError(`${this.name} answered another request`));
      }
      return reply;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Waits until nothing of the last call is left. Rejects when that cannot be proven. */
  async settle(): Promise<void> {
    await this.#expect("ready", readyMsMax);
    this.#rest();
  }

  /** Asks an idle runner for a sign of life. Rejects, and ends it, when none comes. */
  async check(): Promise<void> {
    assert(!this.#busy && !this.lost, `runner ${this.name} is busy or lost`);
    this.#busy = true;
    await this.#expect("pong", pongMsMax, pingFrame());
    this.#rest();
  }

  async close(): Promise<void> {
    await this.#lose(new SandboxCancelledError("the sandbox was closed"));
  }

  #rest(): void {
    this.#busy = false;
    const ahead = this.#frames.next();
    this.#ahead = ahead;
    const unasked = (thrown: unknown): void => {
      if (!this.#busy) void this.#lose(this.#lossOf(ensureError(thrown)));
    };
    ahead.then(({ done, value }) => {
      unasked(new Error(done === true ? "its output ended" : `an unasked-for ${value.kind}`));
    }, unasked);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#transport.write(bytes);
    } catch (error) {
      throw await this.#lose(this.#lossOf(ensureError(error)));
    }
  }

  /** Waits for a frame; for the answer to `request`, where there is one. */
  async #expect<K extends RunnerFrame["kind"]>(
    kind: K,
    timeoutMs: number,
    request?: Uint8Array,
  ): Promise<Extract<RunnerFrame, { kind: K }>> {
    const wait = { kind, timeoutMs, isHandedOver: false, isOver: false };
    const startMs = performance.now();
    const watchdog = setTimeout(() => void this.#onSilence(wait, startMs), timeoutMs);
    try {
      if (request !== undefined) await this.#write(request);
      wait.isHandedOver = true;
      const ahead = this.#ahead ?? this.#frames.next();
      this.#ahead = null;
      const next = await ahead;
      if (next.done === true) throw new RunnerLostError("its output ended");
      if (next.value.kind !== kind) throw new RunnerLostError(`${next.value.kind}, not ${kind}`);
      return next.value as Extract<RunnerFrame, { kind: K }>;
    } catch (error) {
      wait.isOver = true;
      const starved = !this.lost && (await this.#transport.wasOutOfMemory());
      throw await this.#lose(this.#lossOf(ensureError(error), starved));
    } finally {
      wait.isOver = true;
      clearTimeout(watchdog);
    }
  }

  /** Invariant 4. The frame may still come while the engine is asked. */
  async #onSilence(wait: Wait, startMs: number): Promise<void> {
    const { kind, timeoutMs } = wait;
    const isAwake = performance.now() - startMs <= timeoutMs + lateMsMax;
    const isProgram = kind === "reply" && wait.isHandedOver;
    const isSilent = isAwake && isProgram && (await this.#transport.isRunning());
    if (wait.isOver) return;
    const Kind = isSilent ? RunnerSilentError : RunnerLostError;
    await this.#lose(new Kind(`${this.name} said nothing for ${timeoutMs} ms`));
  }

  #lossOf(error: Error, starved = false): Error {
    const words = this.#transport.lastWords().trim();
    const said = words === "" ? "" : ` (it said: ${words})`;
    const message = `runner ${this.name} is lost: ${error.message}${said}`;
    const Kind = starved ? RunnerStarvedError : RunnerLostError;
    return new Kind(message, { cause: error });
  }

  /** The first reason stays; ending the transport wakes whoever waits for a frame. */
  async #lose(reason: Error): Promise<Error> {
    this.#lost ??= reason;
    this.#tellEnd();
    await this.#transport.destroy();
    return this.#lost;
  }
}

interface Wait {
  readonly kind: RunnerFrame["kind"];
  readonly timeoutMs: number;
  /** What it shall answer is on its way. */
  isHandedOver: boolean;
  isOver: boolean;
}
