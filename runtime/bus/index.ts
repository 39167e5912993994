export type { Bus, DefectHandler, RequestContext, RequestOptions, Subscription } from "./bus.ts";
export { requestAttemptsMax, requestTimeoutMs, servingMax, throwDefect } from "./bus.ts";
export {
  BusBusyError,
  BusClosedError,
  BusConnectError,
  BusProtocolError,
  BusTimeoutError,
  BusUnansweredError,
  NatsPortInUseError,
  NatsServerError,
  NatsServerMissingError,
  NatsTakenOverError,
  SubjectError,
} from "./errors.ts";
export type { MemoryBrokerOptions, Schedule } from "./memory.ts";
export { MemoryBroker } from "./memory.ts";
export type { NatsBusOptions } from "./nats.ts";
export { busPatienceMs, connectNats } from "./nats.ts";
export type { BusPlace } from "./nats-files.ts";
export { readBusFile } from "./nats-files.ts";
export type { NatsServer, NatsServerOptions } from "./nats-server.ts";
export { startNatsServer } from "./nats-server.ts";
export type { Address } from "./subjects.ts";
export { subjectMatches, subjectOf } from "./subjects.ts";
