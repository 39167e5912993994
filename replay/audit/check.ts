// What a check is: a name, the types of events that it looks at, and a pure function of one of them
// and the facts before it.
import type { EventEnvelope, EventType } from "../../events/index.ts";
import type { AuditEvent, Book, StreamFacts } from "./book.ts";

/** An event of one of the types `T`. */
export type EventOf<T extends EventType> = Extract<AuditEvent, { readonly type: T }>;

/** One thing that must hold. */
export interface Check<T extends EventType = EventType> {
  readonly name: string;
  /** For people: what it is that was found true. */
  readonly about: string;
  readonly types: readonly T[];
  /**
   * Why `event` cannot be, given what `book` holds of the events before it; null where it is right.
   * Undefined: there was nothing to check.
   */
  fault(event: EventOf<T>, book: Book): string | null | undefined;
}

/** One thing that must hold of every event, whatever its data. */
export interface EnvelopeCheck {
  readonly name: string;
  readonly about: string;
  /** @param facts of the event's stream, before it */
  fault(event: EventEnvelope, facts: StreamFacts, book: Book): string | null | undefined;
}

/** The first reason of several that is one. */
export function firstFault(
  ...faults: readonly (string | null | undefined | false)[]
): string | null {
  return faults.find((fault): fault is string => typeof fault === "string") ?? null;
}
