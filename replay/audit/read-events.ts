// Bytes to events that make sense: each is decoded, found in the vocabulary and checked against its
// schema.
import {
  CodecError,
  decodeEnvelope,
  type EventEnvelope,
  EventSchemaError,
  type EventType,
  event as eventOf,
  eventSchemas,
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

/** The event with its data checked, or why they are wrong. */
export function readData(envelope: EventEnvelope): AuditEvent | string {
  const { type, v, stream, data } = envelope;
  if (!isKnown(type)) return `its type is unknown: "${type.slice(0, 80)}"`;
  try {
    const current = eventOf(type, data as Parameters<typeof eventOf>[1]);
    if (v !== current.v) return `${type} has version ${v}, this build knows ${current.v}`;
    return { type, stream, data: current.data } as AuditEvent;
  } catch (thrown) {
    if (thrown instanceof EventSchemaError) return thrown.message.replaceAll(/\s+/g, " ");
    throw thrown;
  }
}

function isKnown(type: string): type is EventType {
  return Object.hasOwn(eventSchemas, type);
}
