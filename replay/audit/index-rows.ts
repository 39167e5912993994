// The index of a ledger agrees with its events: a row in `streams` and one in `commands` for every
// append, and no others.
import type { EnvelopeFrame } from "../../events/index.ts";
import type { Evidence, TableSizes } from "../../storage/index.ts";
import type { Findings } from "./findings.ts";

const streamIndex = "streams";
const commandIndex = "commands";

/** The events of one command in one stream. */
interface Part {
  readonly stream: string;
  readonly command: string;
  readonly seq: number;
  readonly global: number;
  count: number;
}

/** Looks up each part's index rows as its events have passed by. */
export class IndexAudit {
  readonly #evidence: Pick<Evidence, "streamRow" | "commandRow">;
  readonly #findings: Findings;
  #part: Part | null = null;
  #parts = 0;

  constructor(evidence: Pick<Evidence, "streamRow" | "commandRow">, findings: Findings) {
    this.#evidence = evidence;
    this.#findings = findings;
    findings.declare(streamIndex);
    findings.declare(commandIndex);
  }

  /** The next event. Those of a command stand together, as they were appended. */
  take(global: number, { stream, command, seq }: EnvelopeFrame): void {
    const part = this.#part;
    if (part !== null && part.stream === stream && part.command === command) {
      part.count += 1;
      return;
    }
    this.#close();
    this.#part = { stream, command, seq, global, count: 1 };
  }

  /** After the last event. @param sizes of the tables, or null where they may have grown */
  end(sizes: TableSizes | null): void {
    this.#close();
    if (sizes === null) return;
    const tables = [
      [streamIndex, sizes.streams],
      [commandIndex, sizes.commands],
    ] as const;
    for (const [check, rows] of tables) {
      if (rows === this.#parts) continue;
      this.#findings.addWhole(check, `it has ${rows} rows for ${this.#parts} appends`);
    }
  }

  #close(): void {
    const part = this.#part;
    this.#part = null;
    if (part === null) return;
    this.#parts += 1;
    const { stream, command, seq, global, count } = part;
    const rows = [
      [streamIndex, this.#evidence.streamRow(stream, seq), global],
      [commandIndex, this.#evidence.commandRow(stream, command), seq],
    ] as const;
    for (const [check, row, first] of rows) {
      this.#findings.count(check);
      if (row?.first === first && row.count === count) continue;
      const says = row === null ? "has no row" : `says ${row.count} from ${row.first} on`;
      const reason = `${count} events from ${first} on were appended, the index ${says}`;
      // An event that is missing or cannot be read shows here too: as one of those of its append.
      const last = global + Math.max(count, row?.count ?? 0) - 1;
      this.#findings.add(check, global, stream, reason, last);
    }
  }
}
