// The bus: how processes talk. It carries; the ledger remembers.
//
// 1. Nothing rests on a message having arrived. Requests are repeated under one id and handlers are
//    idempotent by it; a publish is a hint to somebody who keeps a cursor (I1).
// 2. A handler that still works on an id is joined by a repetition of it, not started again.
// 3. Every request has a time limit, a maximum of attempts and a maximum of bytes; a server works
//    on a bounded number of requests at once and answers the others with "busy" (I7).
// 4. Errors arrive as what they were: the same code, policy and message.
// 5. Whoever serves a subject hears each of its requests, and the first answer counts. A process
//    that stands still (a paused head, say) swallows nothing that another one answers.

/** Time one attempt may take, in milliseconds. */
export const requestTimeoutMs = 5_000;
/** Attempts of one request. */
export const requestAttemptsMax = 5;
/** Requests that one `serve` works on at once. */
export const servingMax = 1_024;

export interface RequestOptions {
  /** The id of the request; a random one by default. */
  readonly id?: string;
  /** Per attempt. */
  readonly timeoutMs?: number;
  readonly attemptsMax?: number;
  readonly signal?: AbortSignal;
}

/** What a server is told about a request. */
export interface RequestContext {
  readonly id: string;
  readonly subject: string;
}

/** Ends a subscription or a service. */
export interface Subscription {
  close(): Promise<void>;
}

/** A connection to the bus. Payloads are plain data for the codec of the events room. */
export interface Bus {
  /** Whether the connection has ended for good. */
  readonly closed: boolean;
  /**
   * Asks who serves `subject`.
   * @throws {BusTimeoutError} {BusUnansweredError} {BusBusyError} retryable, after all attempts
   * @throws {BusClosedError} cancelled
   * @throws {RemoteError} what the handler threw: `TerminalError`, `RetryableError`,
   * `CancelledError`
   */
  request(subject: string, payload: unknown, options?: RequestOptions): Promise<unknown>;
  /** Answers requests. All servers of a subject hear each of them. `*` and `>` match. */
  serve(
    subject: string,
    handler: (payload: unknown, context: RequestContext) => Promise<unknown>,
  ): Subscription;
  /** Sends a hint to all subscribers; it may be lost. */
  publish(subject: string, payload: unknown): void;
  subscribe(subject: string, handler: (payload: unknown, subject: string) => void): Subscription;
  /** Resolves when what was sent before has reached the server. */
  flush(): Promise<void>;
  /** Ends services, lets answers out, ends the connection. */
  close(): Promise<void>;
}

/** What a bus does with a defect of ours in a handler, after the caller has been answered. */
export type DefectHandler = (error: Error) => void;

/** Ends the process with an uncaught error: a broken invariant is never caught to go on. */
export const throwDefect: DefectHandler = (error) => {
  setImmediate(() => {
    throw error;
  });
};
