// Bytes to events that make sense: each is decoded, found in the vocabulary, brought to today's
// version and checked against its schema.
import {
  CodecError,
  currentEvent,
  decodeEnvelope,
  decodeFrame,
  type EnvelopeFrame,
  type EventEnvelope,
  EventSchemaError,
  type EventType,
  EventVersionError,
  parseEventData,
} from "../../events/index.ts";
import type { AuditEvent } from "./book.ts";

/** The envelope in `bytes`, or why there is none. */
export function readEnvelope(bytes: Uint8Array): EventEnvelope | string {
  try {
    return decodeEnvelope(bytes);
  } catch (thrown) {
    if (thrown instanceof CodecError) return thrown.message;
    throw thrown;
  }
}

/** The same without data; null where there is none. */
export function readFrame(bytes: Uint8Array): EnvelopeFrame | null {
  try {
    return decodeFrame(bytes);
  } catch (thrown) {
    if (thrown instanceof CodecError) return null;
    throw thrown;
  }
}

/**
 * The event in today's version, its data checked, or why that cannot be.
 * @param varft the version that began the ledger, where it is known
 */
export function readData(
  envelope: EventEnvelope,
  varft: string | null = null,
): AuditEvent | string {
  try {
    const { type, stream, data } = currentEvent(envelope);
    return { type, stream, data: parseEventData(type as EventType, data) } as AuditEvent;
  } catch (thrown) {
    if (thrown instanceof EventVersionError) {
      return new EventVersionError(envelope, { place: "it", varft, cause: thrown }).message;
    }
    if (thrown instanceof EventSchemaError) return thrown.message.replaceAll(/\s+/g, " ");
    throw thrown;
  }
}
