// May this append be written, and what exactly would it write? Pure: reads through a view, writes
// nothing. The order of the checks is part of the contract:
//
// 1. A known command is answered from the record before anything else is looked at, so a retry
//    succeeds even after its writer lost its lease.
// 2. Then epoch, expected sequence, blobs.
import {
  type EventEnvelope,
  eventId,
  type HashName,
  isHashName,
  isName,
  leaseOf,
} from "../events/index.ts";
import { LedgerError } from "./errors.ts";
import {
  type AppendPart,
  type AppendRequest,
  eventsPerAppendMax,
  partsPerAppendMax,
} from "./ledger.ts";

/** What admission asks. Answers include what is decided but not yet committed. */
export interface AdmissionView {
  isRecorded(stream: string, command: string): boolean;
  lastSeq(stream: string): number;
  /** 0 for a lease that nobody ever held. */
  epoch(lease: string): number;
  hasBlob(name: HashName): boolean;
}

/** `known`: the command is stored already. `new`: to be written. */
export type Admission = "known" | "new";

/** @throws {LedgerError} invalid-request, stale-epoch, stale-sequence, missing-blob */
export function admit(request: AppendRequest, view: AdmissionView): Admission {
  checkForm(request);
  const known = request.parts.filter((part) =>
    view.isRecorded(part.stream, commandOf(request, part)),
  );
  if (known.length === request.parts.length) return "known";
  if (known.length > 0) {
    throw invalid(`command ${request.command} was stored before with other streams`);
  }
  for (const part of request.parts) checkEpoch(part, view);
  for (const part of request.parts) checkSequence(part, view);
  for (const name of request.blobs) {
    if (view.hasBlob(name)) continue;
    throw new LedgerError("ledger-missing-blob", `blob ${name} is not stored: put it first`, {
      facts: { name },
    });
  }
  return "new";
}

/** The command that a part answers. */
export function commandOf(request: AppendRequest, part: AppendPart): string {
  return part.command ?? request.command;
}

/** The envelopes of a part's events, that follow the stream's event number `lastSeq`. */
export function envelopesOf(
  request: AppendRequest,
  part: AppendPart,
  lastSeq: number,
  time: number,
): EventEnvelope[] {
  const { trace, by } = request;
  const { stream, epoch } = part;
  const command = commandOf(request, part);
  return part.events.map(({ type, v, data, cause = null }, index) => {
    const id = eventId(stream, command, index);
    const seq = lastSeq + 1 + index;
    return { id, stream, seq, type, v, time, cause, command, trace, epoch, by, data };
  });
}

function checkEpoch(part: AppendPart, view: AdmissionView): void {
  const lease = leaseOf(part.stream);
  const epoch = view.epoch(lease);
  if (part.epoch === epoch) return;
  throw new LedgerError(
    "ledger-stale-epoch",
    `lease ${lease} stands at epoch ${epoch}, the writer of ${part.stream} has ${part.epoch}`,
    { facts: { lease, epoch, given: part.epoch } },
  );
}

function checkSequence(part: AppendPart, view: AdmissionView): void {
  if (part.expected === null) return;
  const lastSeq = view.lastSeq(part.stream);
  if (part.expected === lastSeq) return;
  throw new LedgerError(
    "ledger-stale-sequence",
    `stream ${part.stream} stands at ${lastSeq}, the writer expected ${part.expected}`,
    { facts: { stream: part.stream, lastSeq, expected: part.expected } },
  );
}

const typePattern = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+$/;

function checkForm(request: AppendRequest): void {
  const { parts, command, by } = request;
  if (!isName(command)) throw invalid(`"${command}" is no command id`);
  if (!isName(by)) throw invalid(`"${by}" is no author`);
  if (parts.length === 0) throw invalid("there are no parts");
  if (parts.length > partsPerAppendMax) {
    throw invalid(`${parts.length} parts, at most ${partsPerAppendMax} are allowed`);
  }
  if (parts.length > 1 && new Set(parts.map((part) => part.stream)).size < parts.length) {
    throw invalid("a stream has two parts");
  }
  const events = parts.reduce((sum, part) => sum + part.events.length, 0);
  if (events > eventsPerAppendMax) {
    throw invalid(`${events} events, at most ${eventsPerAppendMax} are allowed`);
  }
  for (const part of parts) checkPart(part);
  for (const name of request.blobs) if (!isHashName(name)) throw invalid(`"${name}" is no blob`);
}

function checkPart(part: AppendPart): void {
  if (!isName(part.stream)) throw invalid(`"${part.stream}" is no stream`);
  if (part.command !== undefined && !isName(part.command)) {
    throw invalid(`"${part.command}" is no command id`);
  }
  if (part.events.length === 0) throw invalid(`there are no events for ${part.stream}`);
  for (const event of part.events) {
    if (!typePattern.test(event.type)) throw invalid(`"${event.type}" is no event type`);
    if (!Number.isSafeInteger(event.v) || event.v < 1) {
      throw invalid(`${event.type} has version ${event.v}`);
    }
  }
}

function invalid(reason: string): LedgerError {
  return new LedgerError("ledger-invalid-request", `cannot append: ${reason}`);
}
