// The ledger over the bus, at the head.
//
// 1. An append is answered when it is durable (I1), in the order in which appends arrived.
// 2. What arrives is checked by shape before it is used; blobs are checked against their names.
// 3. Commits are announced as hints; readers keep cursors of their own.
// 4. A lease is acquired once per request: a second time, by an attempt that came late, it would be
//    taken from the one who got the first answer.
// 5. A ledger that failed is the head's affair, which is told and ends with it. To a worker the
//    head is away: its work goes on with the next one.
import type { z } from "zod";
import { decode, type HashName, hashName, TerminalError } from "../../events/index.ts";
import { type Head, type Lease, type Ledger, LedgerError } from "../../storage/index.ts";
import type { Bus, RequestContext, Subscription } from "../bus/index.ts";
import { LedgerAwayError } from "../errors.ts";
import { ByteCache } from "./byte-cache.ts";
import { Once } from "./once.ts";
import {
  appendBytesMax,
  appendShape,
  checkpointsSubject,
  commitsSubject,
  firstRows,
  type LedgerAddress,
  ledgerSubject,
  namesPerPageMax,
  packEvents,
  pieceBytesMax,
  requestShapes,
  type Verb,
} from "./protocol.ts";
import { Uploads } from "./uploads.ts";

/** Bytes of blobs that workers are reading, kept between their pieces. */
const readBytesMax = 64 * 1024 * 1024;
/** Events that are read at once for one answer. */
const eventsPerReadMax = 256;

type Handlers = {
  readonly [V in Verb]: (
    request: z.infer<(typeof requestShapes)[V]>,
    id: string,
  ) => Promise<unknown>;
};

/**
 * Serves `ledger` at `address` until the subscription is closed.
 * @param onFailed told when nothing more can be written to the ledger
 */
export function serveLedger(
  bus: Bus,
  address: LedgerAddress,
  ledger: Ledger,
  onFailed: (error: Error) => void = () => {},
): Subscription {
  const uploads = new Uploads();
  const handlers = handlersOf(ledger, uploads);
  const service = bus.serve(ledgerSubject(address, "*"), async (payload, { subject, id }) => {
    const verb = subject.slice(subject.lastIndexOf(".") + 1);
    if (!Object.hasOwn(handlers, verb)) {
      throw new TerminalError("ledger-verb", `${subject}: unknown verb; are versions equal?`);
    }
    return away(call(handlers, verb as Verb, payload, { subject, id }), onFailed);
  });
  return {
    close: async () => {
      await service.close();
      uploads.close();
    },
  };
}

/** To be the `onCommitted` of a ledger: announces what is durable now. */
export function announceCommits(bus: Bus, address: LedgerAddress): (head: Head) => void {
  const subject = commitsSubject(address);
  return ({ size, hash }) => {
    if (!bus.closed) bus.publish(subject, { size, hash });
  };
}

/** To be the `onSigned` of a checkpoint log: whoever listens can keep the notes elsewhere. */
export function announceCheckpoints(bus: Bus, address: LedgerAddress): (note: string) => void {
  const subject = checkpointsSubject(address);
  return (note) => {
    if (!bus.closed) bus.publish(subject, { note });
  };
}

function call<V extends Verb>(
  handlers: Handlers,
  verb: V,
  payload: unknown,
  { subject, id }: RequestContext,
): Promise<unknown> {
  const parsed = requestShapes[verb].safeParse(payload);
  if (!parsed.success) {
    throw new TerminalError("ledger-invalid-request", `${subject}: ${parsed.error.message}`);
  }
  return handlers[verb](parsed.data as z.infer<(typeof requestShapes)[V]>, id);
}

/** Invariant 5. */
async function away(work: Promise<unknown>, onFailed: (error: Error) => void): Promise<unknown> {
  try {
    return await work;
  } catch (thrown) {
    if (!(thrown instanceof LedgerError)) throw thrown;
    const { code, message } = thrown;
    if (code === "ledger-failed") onFailed(thrown);
    if (code !== "ledger-failed" && code !== "ledger-closed") throw thrown;
    throw new LedgerAwayError(message, { cause: thrown });
  }
}

function handlersOf(ledger: Ledger, uploads: Uploads): Handlers {
  const read = new ByteCache(readBytesMax);
  const leases = new Once<Lease>();
  const append = async (request: z.infer<typeof appendShape>): Promise<unknown> =>
    packEvents(await ledger.append(request));
  return {
    append,
    appendUploaded: async ({ upload }) => {
      const parsed = appendShape.safeParse(decode(uploads.take(upload), appendBytesMax));
      if (parsed.success) return append(parsed.data);
      throw new TerminalError("ledger-invalid-request", `append: ${parsed.error.message}`);
    },
    stream: async ({ stream, from, limit }) => {
      const most = Math.min(limit ?? eventsPerReadMax, eventsPerReadMax);
      const events = await ledger.readStream(stream, from, most);
      return { rows: firstEvents(events) };
    },
    rows: async ({ from, limit }) => {
      const rows = await ledger.readRows(from, limit);
      const fitting = firstRows(rows, ({ bytes }) => bytes.length);
      return fitting.map(({ global, bytes }) => ({ global, bytes }));
    },
    head: () => ledger.head(),
    streams: async ({ prefix, after }) => {
      const names = await ledger.listStreams(prefix);
      const start = after === "" ? 0 : names.indexOf(after) + 1;
      return names.slice(start, start + namesPerPageMax);
    },
    lease: ({ name }) => ledger.lease(name),
    acquire: ({ name, holder }, id) => leases.answer(id, () => ledger.acquireLease(name, holder)),
    blobHas: ({ name }) => ledger.blobs.has(name),
    blobGet: ({ name, offset }) => pieceOf(ledger, read, name, offset),
    upload: async (piece) => uploads.add(piece),
    blobUploaded: async ({ upload, name }) => {
      if (await ledger.blobs.has(name)) return null;
      const bytes = uploads.take(upload);
      if (hashName(bytes) !== name) {
        throw new TerminalError("blob-damaged", `upload of ${name} has other bytes: send it again`);
      }
      await ledger.blobs.put(bytes);
      // What was just written is read next, by the other workers. Out of memory it costs nothing;
      // out of the store it would leave its pages mapped here, policy after policy.
      read.set(name, bytes);
      return null;
    },
  };
}

async function pieceOf(
  ledger: Ledger,
  read: ByteCache,
  name: HashName,
  offset: number,
): Promise<unknown> {
  const bytes = read.get(name) ?? (await ledger.blobs.get(name));
  if (bytes === null) return null;
  read.set(name, bytes);
  return { size: bytes.length, bytes: bytes.subarray(offset, offset + pieceBytesMax) };
}

function firstEvents(events: Parameters<typeof packEvents>[0]): readonly Uint8Array[] {
  for (let length = events.length; ; length = Math.ceil(length / 2)) {
    const packed = packEvents(events.slice(0, length));
    if ("rows" in packed) return packed.rows;
  }
}
