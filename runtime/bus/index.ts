export type { Bus, DefectHandler, RequestContext, RequestOptions, Subscription } from "./bus.ts";
export { requestAttemptsMax, requestTimeoutMs, servingMax, throwDefect } from "./bus.ts";
export {
  BusBusyError,
  BusClosedError,
  BusConnectError,
  BusProtocolError,
  BusTimeoutError,
  BusUnansweredError,
  SubjectError,
} from "./errors.ts";
export type { MemoryBrokerOptions, Schedule } from "./memory.ts";
export { MemoryBroker } from "./memory.ts";
export type { Address } from "./subjects.ts";
export { subjectMatches, subjectOf } from "./subjects.ts";
