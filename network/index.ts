// Requests to servers of others: one bounded exchange, and how it is repeated. Keys go into headers
// and nowhere else.
export { passingStatuses, retryAfterMs, waitMs, waitMsMax } from "./attempts.ts";
export { ExchangeError, type ExchangeFault } from "./errors.ts";
export type { ExchangeLimits, HttpAnswer, HttpRequest } from "./exchange.ts";
export { exchange, requestName } from "./exchange.ts";
export { type RepeatOptions, repeat } from "./repeat.ts";
export { Slots } from "./slots.ts";
export { errorWords, plainWords } from "./words.ts";
