// Carries out effects: calls handlers, repeats what may be repeated, hands results to the host.
//
// 1. An effect that runs is never started a second time, whatever was folded again meanwhile. One
//    of an instance that was dropped does not count: its result is refused, so it is started anew.
// 2. A retryable error is tried again under the same effect id, a bounded number of times; then,
//    and on any other error, the instance is parked and the supervisor told. A cancelled effect is
//    dropped: it has no result, so a later restart asks for it again.
// 3. Results go back through the host's mailboxes and `decide`; nothing here changes state.
import type { AnyStateMachine } from "xstate";
import { assert, ensureError, leaseOf, VarftError } from "../events/index.ts";
import type {
  ActorCommand,
  EffectCall,
  EffectContext,
  EffectHandler,
  EffectResult,
  Effects,
} from "./actor.ts";
import { backoffMs } from "./backoff.ts";
import type { EffectRequest } from "./fold.ts";
import type { Instance } from "./instance.ts";

/** Attempts of one effect before its instance is parked. */
export const effectAttemptsMax = 8;

/** A request and the instance that made it. */
export interface Asked<M extends AnyStateMachine> {
  readonly instance: Instance<M>;
  readonly request: EffectRequest;
}

/** A request with its result. */
export interface SettledCall<M extends AnyStateMachine, C extends ActorCommand> extends Asked<M> {
  readonly result: EffectResult<C>;
}

interface RunnerOptions<M extends AnyStateMachine, C extends ActorCommand> {
  readonly effects: Effects<M, C>;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly settle: (results: readonly SettledCall<M, C>[]) => Promise<void>;
  readonly park: (instance: Instance<M>, effect: string, error: Error) => void;
  readonly noticeFailed: (stream: string, effect: string, error: Error) => void;
}

type Handler<M extends AnyStateMachine, C extends ActorCommand> = EffectHandler<unknown, M, C>;
type Batch<M extends AnyStateMachine, C extends ActorCommand> = (
  calls: readonly EffectCall<unknown, M>[],
) => Promise<readonly (EffectResult<C> | null)[]>;

export class EffectRunner<M extends AnyStateMachine, C extends ActorCommand> {
  readonly #options: RunnerOptions<M, C>;
  readonly #runs = new Set<Promise<void>>();
  /** Effects under way, each with the instance that gets the result. */
  readonly #running = new Map<string, Instance<M>>();

  constructor(options: RunnerOptions<M, C>) {
    this.#options = options;
  }

  get running(): number {
    return this.#runs.size;
  }

  isRunning(effectId: string): boolean {
    return this.#running.get(effectId)?.signal.aborted === false;
  }

  async idle(): Promise<void> {
    await Promise.all(this.#runs);
  }

  /** Starts effects. Batched ones of one lease and one name become one call. */
  launch(asked: readonly Asked<M>[], { restarted }: { readonly restarted: boolean }): void {
    const batches = new Map<string, Asked<M>[]>();
    for (const one of asked) {
      const { name } = one.request;
      const handler = this.#handler(name);
      if (typeof handler === "function") {
        this.#run([one], (calls) =>
          Promise.all(calls.map((call) => handler(call.params, call.context))),
        );
      } else if ("batch" in handler) {
        const key = `${name}\n${leaseOf(one.instance.stream)}`;
        const batch = batches.get(key) ?? [];
        if (batch.push(one) === 1) batches.set(key, batch);
      } else if (!restarted) this.#notify(one, handler.notice);
    }
    for (const batch of batches.values()) {
      const handler = this.#handler(batch[0]?.request.name ?? "");
      assert(typeof handler === "object" && "batch" in handler, "grouped by a batch handler");
      this.#run(batch, handler.batch);
    }
  }

  #handler(name: string): Handler<M, C> {
    const handlers = this.#options.effects as Readonly<Record<string, Handler<M, C> | undefined>>;
    const handler = handlers[name];
    assert(handler !== undefined, `no handler for the effect ${name}`);
    return handler;
  }

  #track(asked: readonly Asked<M>[], work: () => Promise<void>): void {
    for (const { instance, request } of asked) this.#running.set(request.effectId, instance);
    // Even a handler that throws at once must not throw into the fold that asked for it.
    const run = Promise.resolve()
      .then(work)
      .finally(() => {
        for (const { instance, request } of asked) {
          const { effectId } = request;
          if (this.#running.get(effectId) === instance) this.#running.delete(effectId);
        }
        this.#runs.delete(run);
      });
    this.#runs.add(run);
  }

  #notify(
    one: Asked<M>,
    notice: (params: unknown, context: EffectContext<M>) => Promise<void>,
  ): void {
    this.#track([one], async () => {
      const { params, context } = callOf(one, 1);
      try {
        await notice(params, context);
      } catch (thrown) {
        if (context.signal.aborted) return;
        this.#options.noticeFailed(context.stream, one.request.name, ensureError(thrown));
      }
    });
  }

  #run(asked: readonly Asked<M>[], batch: Batch<M, C>): void {
    const signal = AbortSignal.any(asked.map(({ instance }) => instance.signal));
    this.#track(asked, async () => {
      for (let attempt = 1; ; attempt++) {
        const error = await this.#attempt(asked, batch, attempt);
        if (error === null || signal.aborted || policyOf(error) === "cancelled") return;
        if (!mayRepeat(error, attempt)) {
          for (const one of asked) this.#options.park(one.instance, one.request.name, error);
          return;
        }
        await this.#options.sleep(backoffMs(attempt), signal).catch(() => {});
      }
    });
  }

  async #attempt(
    asked: readonly Asked<M>[],
    batch: Batch<M, C>,
    attempt: number,
  ): Promise<Error | null> {
    try {
      const results = await batch(asked.map((one) => callOf(one, attempt)));
      assert(results.length === asked.length, "a batched effect gives one result per call");
      const settled: SettledCall<M, C>[] = [];
      for (const [index, result] of results.entries()) {
        const one = asked[index];
        if (result !== null && one !== undefined) settled.push({ ...one, result });
      }
      await this.#options.settle(settled);
      return null;
    } catch (thrown) {
      return ensureError(thrown);
    }
  }
}

function callOf<M extends AnyStateMachine>(
  { instance, request }: Asked<M>,
  attempt: number,
): EffectCall<unknown, M> {
  const context: EffectContext<M> = {
    effectId: request.effectId,
    stream: instance.stream,
    request: request.request,
    state: instance.state,
    signal: instance.signal,
    attempt,
  };
  return { params: request.params, context };
}

function policyOf(error: Error): string {
  return error instanceof VarftError ? error.policy : "terminal";
}

function mayRepeat(error: Error, attempt: number): boolean {
  return policyOf(error) === "retryable" && attempt < effectAttemptsMax;
}
