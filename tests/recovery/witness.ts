// Hears on the bus what the clients of a run's ledger are told, to hold it against the ledger
// afterwards: whatever one of them was answered must be there (I1). It hears less than there was
// (nobody waits for it, and it comes back after the bus does), and never anything else.
import { connect } from "@nats-io/transport-node";
import { decode, type HashName, sha256Hex } from "../../events/index.ts";
import type { BusPlace } from "../../runtime/index.ts";

/** What clients were told is durable. */
export interface Testimony {
  /** By event id, the hash of the bytes that were handed out. */
  readonly events: ReadonlyMap<string, string>;
  readonly blobs: ReadonlySet<HashName>;
}

export class Witness implements Testimony {
  readonly events = new Map<string, string>();
  readonly blobs = new Set<HashName>();
  /** Uploads that wait for their answer, by the subject it will come under. */
  readonly #uploads = new Map<string, HashName>();
  #close: () => Promise<void> = async () => {};

  /** Listens at the bus until closed. */
  async listen({ url, token }: BusPlace, run: string): Promise<void> {
    const connection = await connect({ servers: url, token, maxReconnectAttempts: -1 });
    const hear = (subject: string, handle: (bytes: Uint8Array, reply: string) => void): void => {
      connection.subscribe(subject, {
        callback: (error, { data, reply = "" }) => {
          if (error === null) handle(new Uint8Array(data), reply);
        },
      });
    };
    hear(`varft.local.${run}.ledger.blobUploaded`, (bytes, reply) => {
      const { body } = decode(bytes) as { readonly body: { readonly name: HashName } };
      this.#uploads.set(reply, body.name);
    });
    connection.subscribe("_INBOX.>", {
      callback: (error, { data, subject }) => {
        if (error === null) this.#answer(subject, new Uint8Array(data));
      },
    });
    this.#close = () => connection.close();
  }

  close(): Promise<void> {
    return this.#close();
  }

  #answer(subject: string, bytes: Uint8Array): void {
    if (bytes.length === 0) return; // nobody answers
    const answer = decode(bytes) as { readonly body?: unknown };
    if (!("body" in answer)) return;
    const upload = this.#uploads.get(subject);
    if (upload !== undefined) this.blobs.add(upload);
    for (const row of rowsOf(answer.body)) this.#hear(row);
  }

  #hear(row: Uint8Array): void {
    const { id } = decode(row) as { readonly id: string };
    this.events.set(id, sha256Hex(row));
  }
}

/** The stored events in an answer: of an append, a stream, or the whole ledger. */
function rowsOf(body: unknown): readonly Uint8Array[] {
  const rows = Array.isArray(body) ? body : ((body as { rows?: unknown } | null)?.rows ?? []);
  return (rows as readonly unknown[]).flatMap((row) => {
    if (row instanceof Uint8Array) return [row];
    const { bytes } = (row ?? {}) as { readonly bytes?: unknown };
    return bytes instanceof Uint8Array && "global" in (row as object) ? [bytes] : [];
  });
}
