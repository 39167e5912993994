// A pool of warm runners behind the `Sandbox` interface, whoever opens them.
//
// Invariants:
// 1. A call lost by a runner's death is repeated, as it was, at most `attemptsMax` times in all; a
//    loss is never reported as the program's result, unless it is its doing (`blame.ts`).
// 2. A runner serves one call at a time, and no other before it said that nothing is left; at the
//    level `container` it serves one call in its life.
// 3. After `close` no runner lives and every call has ended.
// 4. A runner that dies is replaced where one was kept waiting; each loss in a row doubles the wait
//    before the next is opened.
// 5. Where none could be opened for `awayMsMax`, a failure to open one counts for every call that
//    waits: how soon an engine that stays away is told does not depend on how many call.
import { setTimeout as sleep } from "node:timers/promises";
import { ensureError } from "../../events/index.ts";
import {
  RunnerLostError,
  RunnerSilentError,
  SandboxCancelledError,
  SandboxUnavailableError,
} from "../errors.ts";
import {
  defaultLimits,
  type ExecutionRequest,
  type ExecutionResult,
  type IsolationLevel,
  type Limits,
  type PoolNotice,
  type PoolState,
  type Sandbox,
} from "../types.ts";
import { causeOf, isOfProgram, mended } from "./blame.ts";
import { PoolLife } from "./pool-life.ts";
import { checkRequest } from "./request.ts";
import { resultOf, unansweredResult } from "./result.ts";
import type { Runner } from "./runner.ts";

/** How often one call may meet a loss before it is given back as unavailable. */
export const attemptsMax = 4;
const backoffMsMin = 50;
const backoffMsMax = 2_000;
/** How long an engine may be away before the calls that wait are told together. */
const awayMsMax = 10_000;
/** How often idle runners are asked for a sign of life. */
const checkEveryMs = 15_000;
/** Without a call for so long, all runners but one are ended; calls open them again. */
const idleMsMax = 300_000;

export interface RunnerPoolOptions {
  readonly digest: string;
  /** How many runners there may be; they are opened as calls need them, and kept. */
  readonly size: number;
  /** `fork` by default: a runner serves call after call. `container`: one call each. */
  readonly level?: IsolationLevel;
  /** Opens and greets a runner. A rejection counts as a loss, unless the error is terminal. */
  readonly open: () => Promise<Runner>;
  /** Told of what happens to runners. */
  readonly onNotice?: (notice: PoolNotice) => void;
  /** Called once, after the last runner has ended. */
  readonly dispose?: () => Promise<void>;
  /** How often idle runners are looked at, in milliseconds. */
  readonly checkEveryMs?: number;
  /** After so many milliseconds without a call the pool shrinks to one runner. */
  readonly idleMsMax?: number;
  /** After so many milliseconds without a runner that opens, calls that wait fail together. */
  readonly awayMsMax?: number;
}

export class RunnerPool implements Sandbox {
  readonly digest: string;
  readonly level: IsolationLevel;
  readonly #options: RunnerPoolOptions;
  readonly #idle: Runner[] = [];
  readonly #alive = new Set<Runner>();
  readonly #waiting: Waiter[] = [];
  readonly #closing = new AbortController();
  readonly #calls = new Set<AbortController>();
  readonly #settling = new Set<Promise<void>>();
  readonly #opening = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  readonly #life: PoolLife;
  /** Places taken: runners alive and runners being opened. */
  #places = 0;
  #lossesInRow = 0;
  /** Losses that no program can bring about. */
  #lossesOfHost = 0;
  /** When the first of the runners failed to open that did so since one opened; null: none did. */
  #awaySinceMs: number | null = null;
  #backingOff = 0;
  readonly #counts = { opened: 0, lost: 0, executions: 0 };
  #checksIdle = 0;

  constructor(options: RunnerPoolOptions) {
    this.digest = options.digest;
    this.level = options.level ?? "fork";
    this.#options = options;
    this.#life = new PoolLife(options.onNotice);
    this.#timer = setInterval(() => this.#lookAtIdle(), options.checkEveryMs ?? checkEveryMs);
    this.#timer.unref();
  }

  /** What the pool is doing, for people and events. */
  state(): PoolState {
    const [alive, idle] = [this.#alive.size, this.#idle.length];
    const { size } = this.#options;
    const waiting = this.#waiting.length;
    const opening = this.#places - alive;
    const backingOff = this.#backingOff;
    return { level: this.level, size, alive, idle, opening, backingOff, waiting, ...this.#counts };
  }

  /** Opens up to `count` runners ahead of the calls that will need them. */
  async warm(count: number): Promise<void> {
    const opened = Math.min(count, this.#options.size) - this.#places;
    await Promise.all(
      Array.from({ length: Math.max(0, opened) }, async () => {
        this.#places += 1;
        this.#release(await this.#open());
      }),
    );
  }

  async execute(request: ExecutionRequest, signal?: AbortSignal): Promise<ExecutionResult> {
    const limits = { ...defaultLimits, ...request.limits };
    const program = Buffer.from(request.program, "utf8");
    checkRequest(program, request.image, limits);
    this.#checksIdle = 0;
    // Not AbortSignal.any: that keeps every call's signal for as long as the pool lives.
    const ended = new AbortController();
    const end = () => ended.abort();
    if (this.#closing.signal.aborted || signal?.aborted === true) end();
    this.#calls.add(ended);
    signal?.addEventListener("abort", end, { once: true });
    try {
      return await this.#repeat(program, request.image, limits, ended.signal);
    } finally {
      this.#calls.delete(ended);
      signal?.removeEventListener("abort", end);
    }
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    clearInterval(this.#timer);
    this.#closing.abort();
    for (const call of this.#calls) call.abort();
    await Promise.all([...this.#alive].map((runner) => runner.close()));
    await Promise.all(this.#settling);
    await Promise.all(this.#opening);
    await this.#options.dispose?.();
    this.#life.drained(this.#counts);
  }

  async #repeat(
    program: Uint8Array,
    image: Uint8Array,
    limits: Limits,
    ended: AbortSignal,
  ): Promise<ExecutionResult> {
    const losses: Error[] = [];
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if (ended.aborted) throw new SandboxCancelledError("the execution was cancelled");
      try {
        const isSuspect = losses.some((loss) => loss instanceof RunnerSilentError);
        const runner = await (isSuspect ? this.#acquireFresh(ended) : this.#acquire(ended));
        const call = () => runner.call(program, image, limits, ended);
        const reply = await this.#attempt(runner, ended, call);
        return await resultOf(reply, limits, {
          container: runner.name,
          level: this.level,
          attempts: attempt,
        });
      } catch (error) {
        losses.push(mended(error));
        const cause = causeOf(losses);
        if (cause !== null) return unansweredResult(cause, this.level, attempt);
      }
    }
    const last = losses.at(-1);
    const told = `no runner answered in ${attemptsMax} attempts: ${last?.message}`;
    throw new SandboxUnavailableError(told, { cause: last });
  }

  async #attempt<T>(runner: Runner, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    const reply = await this.#ask(runner, signal, call);
    this.#lossesInRow = 0;
    this.#counts.executions += 1;
    if (this.level === "container") this.#renew(runner);
    else this.#afterwards(runner.settle(), runner);
    return reply;
  }

  /** Asks a runner that was acquired; one that is lost under it is given up. */
  async #ask<T>(runner: Runner, signal: AbortSignal, question: () => Promise<T>): Promise<T> {
    const lossesBefore = this.#lossesOfHost;
    try {
      return await question();
    } catch (error) {
      if (!isOfProgram(error) && !signal.aborted) this.#countLossOfHost();
      if (!signal.aborted) this.#life.lost(runner.name, "call", ensureError(error).message);
      this.#discard(runner);
      if (error instanceof RunnerSilentError && this.#lossesOfHost > lossesBefore) {
        throw new RunnerLostError(`${error.message}, while others were lost`, { cause: error });
      }
      throw error;
    }
  }

  #countLossOfHost(): void {
    this.#lossesInRow += 1;
    this.#lossesOfHost += 1;
  }

  /** A runner in which no program ran before, and that answers. */
  async #acquireFresh(signal: AbortSignal): Promise<Runner> {
    let runner = await this.#acquire(signal);
    if (runner.hasServed) {
      this.#alive.delete(runner);
      void runner.close();
      runner = await this.#open();
    }
    const fresh = runner;
    await this.#ask(fresh, signal, () => fresh.check());
    return fresh;
  }

  async #acquire(signal: AbortSignal): Promise<Runner> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#places < this.#options.size) {
      this.#places += 1;
      return this.#open();
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject };
      this.#waiting.push(waiter);
      signal.addEventListener("abort", () => {
        const index = this.#waiting.indexOf(waiter);
        if (index >= 0) this.#waiting.splice(index, 1);
        reject(new SandboxCancelledError("the execution was cancelled"));
      });
    });
  }

  /** Fills a place already counted; gives it back when it cannot. */
  #open(): Promise<Runner> {
    const runner = this.#openOne();
    const opened = runner.then(
      () => undefined,
      () => undefined,
    );
    this.#opening.add(opened);
    void opened.finally(() => this.#opening.delete(opened));
    return runner;
  }

  async #openOne(): Promise<Runner> {
    try {
      const waitMs = this.#lossesInRow > 0 ? await this.#backOff() : 0;
      const runner = await this.#options.open();
      if (this.#closing.signal.aborted) {
        await runner.close();
        throw new SandboxCancelledError("the sandbox was closed");
      }
      this.#awaySinceMs = null;
      this.#counts.opened += 1;
      this.#alive.add(runner);
      this.#life.opened(runner.name, waitMs, this.#alive.size);
      void runner.ended.then(() => this.#onEnd(runner));
      return runner;
    } catch (error) {
      this.#countLossOfHost();
      if (!this.#closing.signal.aborted) this.#life.lost("", "start", ensureError(error).message);
      this.#shareFailure(error);
      this.#freePlace();
      throw error;
    }
  }

  /** Invariant 5. */
  #shareFailure(error: unknown): void {
    const nowMs = performance.now();
    this.#awaySinceMs ??= nowMs;
    if (nowMs - this.#awaySinceMs < (this.#options.awayMsMax ?? awayMsMax)) return;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Resolves to the milliseconds that were waited. */
  async #backOff(): Promise<number> {
    const delayMs = Math.min(backoffMsMax, backoffMsMin * 2 ** (this.#lossesInRow - 1));
    this.#backingOff += 1;
    try {
      await sleep(delayMs, undefined, { signal: this.#closing.signal });
      return delayMs;
    } catch (error) {
      throw new SandboxCancelledError("the sandbox was closed", { cause: error });
    } finally {
      this.#backingOff -= 1;
    }
  }

  #release(runner: Runner): void {
    if (runner.lost) {
      this.#discard(runner);
      return;
    }
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#idle.push(runner);
    else waiter.resolve(runner);
  }

  /** Releases a runner when `proof` holds, and ends it when it does not. */
  #afterwards(proof: Promise<void>, runner: Runner): void {
    const settled = proof.then(
      () => this.#release(runner),
      (thrown: unknown) => {
        const { message } = ensureError(thrown);
        if (!this.#closing.signal.aborted) this.#life.lost(runner.name, "cleaning", message);
        this.#discard(runner);
      },
    );
    this.#settling.add(settled);
    void settled.finally(() => this.#settling.delete(settled));
  }

  /** A runner that nobody uses has died: another takes its place before a call needs it. */
  #onEnd(runner: Runner): void {
    const index = this.#idle.indexOf(runner);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    this.#countLossOfHost();
    this.#counts.lost += 1;
    if (!this.#closing.signal.aborted) {
      this.#life.lost(runner.name, "rest", "it ended between two calls");
    }
    this.#renew(runner);
  }

  /** Ends a runner and opens the next in the background. */
  #renew(runner: Runner): void {
    void runner.close();
    if (!this.#alive.delete(runner)) return;
    this.#places -= 1;
    if (this.#closing.signal.aborted) return;
    this.#places += 1;
    this.#open().then(
      (next) => this.#release(next),
      // The next call tries anew, and tells.
      () => undefined,
    );
  }

  #discard(runner: Runner): void {
    void runner.close();
    if (!this.#alive.delete(runner)) return;
    this.#counts.lost += 1;
    this.#freePlace();
  }

  /** A place became free: the longest waiting call gets a runner of its own. */
  #freePlace(): void {
    this.#places -= 1;
    if (this.#closing.signal.aborted) return;
    const waiter = this.#waiting.shift();
    if (waiter === undefined) return;
    this.#places += 1;
    this.#open().then(waiter.resolve, waiter.reject);
  }

  /** Asks idle runners whether they live; where no calls come any more, ends all but one. */
  #lookAtIdle(): void {
    this.#checksIdle += 1;
    const every = this.#options.checkEveryMs ?? checkEveryMs;
    const isQuiet = this.#checksIdle * every >= (this.#options.idleMsMax ?? idleMsMax);
    const idle = this.#idle.splice(0);
    for (const [index, runner] of idle.entries()) {
      if (isQuiet && index > 0) this.#retire(runner);
      else this.#afterwards(runner.check(), runner);
    }
    if (isQuiet) this.#life.resized(this.#alive.size, "quiet");
  }

  #retire(runner: Runner): void {
    void runner.close();
    if (this.#alive.delete(runner)) this.#freePlace();
  }
}

interface Waiter {
  readonly resolve: (runner: Runner) => void;
  readonly reject: (error: unknown) => void;
}
