// A stored event in today's shape: the one place where versions are told apart. Everything that
// reads events goes through it (ledgers, audit, replay); what hashes them takes the stored bytes.
import type { EventEnvelope } from "./envelope.ts";
import { TerminalError } from "./errors.ts";
import { type EventType, isEventType, parseEventData } from "./schemas.ts";
import { currentVersion, type EventFields, upcasters } from "./upcasters.ts";

/** Where an event lies, and which varft began to write there. */
interface EventOrigin extends ErrorOptions {
  /** For people: `event 12 of run/a`. */
  readonly place?: string;
  readonly varft?: string | null;
}

/** An event of a type or version that this varft does not know: a newer one wrote it. */
export class EventVersionError extends TerminalError {
  constructor(
    { type, v }: Pick<EventEnvelope, "type" | "v">,
    { place = "an event", varft = null, ...options }: EventOrigin = {},
  ) {
    const name = type.slice(0, typeCharsShown);
    const known = isEventType(type)
      ? `is ${name} version ${v}, this varft knows it up to ${currentVersion(type)}`
      : `is a ${name} (version ${v}), a type that this varft does not know`;
    const writer = varft === null ? "the varft that wrote it" : `varft ${varft}, which began it,`;
    const message = `${place} ${known}: read it with ${writer} or a newer one`;
    super("event-version", message, { ...options, facts: { type: name, v, varft } });
  }
}

/** Characters of an unknown type that are shown. */
const typeCharsShown = 80;

/**
 * The event as today's version has it. An event of today is returned as it is; the data of an older
 * one are brought up version by version, and checked.
 * @throws {EventVersionError} an unknown type, or a version that is not known yet
 * @throws {EventSchemaError} data of an older version that do not come to data of today's
 */
export function currentEvent(event: EventEnvelope): EventEnvelope {
  const { type, v } = event;
  if (!isEventType(type)) throw new EventVersionError(event);
  const current = currentVersion(type);
  if (v === current) return event;
  if (v < 1 || v > current) throw new EventVersionError(event);
  return { ...event, v: current, data: upcast(type, v, current, event.data) };
}

function upcast(type: EventType, from: number, current: number, stored: unknown): unknown {
  let data = stored;
  for (let version = from; version < current; version++) {
    const next = upcasters[type]?.[version];
    if (next !== undefined && isFields(data)) data = next(data);
  }
  // Checked, and in the order of the schema: equal data have equal bytes, whatever their version.
  return parseEventData(type, data);
}

function isFields(data: unknown): data is EventFields {
  return data !== null && typeof data === "object";
}

/** The varft that began a ledger, as its first event says; null where it does not. */
export function beganWith({ type, data }: EventEnvelope): string | null {
  if (type !== "run.started" || !isFields(data)) return null;
  const { observed } = data as { readonly observed?: { readonly varft?: unknown } };
  return typeof observed?.varft === "string" ? observed.varft : null;
}
