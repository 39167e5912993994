// Where an event stands in a ledger, and the chain's hash there: what a fork says of its parent,
// and what can be looked up again where the parent is at hand.
import type { EventEnvelope, Parent } from "../../events/index.ts";
import { Chain, type LedgerReader } from "../../storage/index.ts";
import { ForkError } from "./errors.ts";

type RowReader = Pick<LedgerReader, "readRows" | "readAll">;

/** The place of an event in the whole ledger, and the chain's hash after it, in hexadecimal. */
export type Position = Pick<Parent, "seq" | "hash">;

/** Finds the event `seq` of `stream`. The ledger may grow meanwhile: only what is before counts. */
export async function positionOf(
  reader: RowReader,
  { stream, seq }: Pick<EventEnvelope, "stream" | "seq">,
): Promise<Position> {
  for (let next = 1; ; ) {
    const page = await reader.readAll(next);
    const last = page.at(-1);
    if (last === undefined) throw new ForkError(`event ${seq} of ${stream} is in no ledger`);
    const found = page.find(({ event }) => event.stream === stream && event.seq === seq);
    if (found !== undefined) return { seq: found.global, hash: await hashAt(reader, found.global) };
    next = last.global + 1;
  }
}

/** The chain's hash after the event `seq`, in hexadecimal; empty where there are fewer events. */
export async function hashAt(reader: Pick<RowReader, "readRows">, seq: number): Promise<string> {
  const chain = new Chain();
  let walked = 0;
  while (walked < seq) {
    const rows = await reader.readRows(walked + 1);
    if (rows.length === 0) return "";
    for (const { bytes } of rows.slice(0, seq - walked)) {
      chain.add(bytes);
      walked += 1;
    }
  }
  return Buffer.from(chain.hash).toString("hex");
}
