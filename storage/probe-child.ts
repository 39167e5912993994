// The half of a probe that reads: every byte of every row, so that a file that ends too early ends
// this process, and no other.
import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import type { Database } from "lmdb";
import { ensureError } from "../events/index.ts";
import { LedgerError } from "./errors.ts";
import { passGate } from "./gate.ts";
import { type Environment, openEnvironment } from "./lmdb-env.ts";

const standardOutput = 1;
type RawRows = Database<Buffer, Buffer>;

/** So often it is told that it goes on. */
const bytesPerWord = 64 * 1024 * 1024;

/** Reads the tables of one environment. The exit code and the last line tell how it went. */
export async function probeAsChild(words: readonly string[]): Promise<void> {
  const [gate = "", path = "", ...names] = words;
  try {
    const { environment, tables } = await passGate(gate, () => {
      const opened = openEnvironment(path, true);
      return { environment: opened, tables: names.map((name) => openRawRows(opened, name)) };
    });
    readAll(tables);
    await environment.close();
  } catch (thrown) {
    // Not damage: who asked for this asks the writer, too, and is told.
    if (thrown instanceof LedgerError && thrown.code === "ledger-in-use") return;
    writeSync(standardOutput, `\n${ensureError(thrown).message}`);
    process.exitCode = 1;
  }
}

function readAll(tables: readonly RawRows[]): void {
  let read = 0;
  for (const rows of tables) {
    for (const { value } of rows.getRange({})) {
      // Large values may be lent and not copied: only what is looked at is read.
      createHash("sha256").update(value);
      read += value.length;
      if (read < bytesPerWord) continue;
      read = 0;
      writeSync(standardOutput, ".");
    }
  }
}

/** A table whose keys are not decoded: of damaged ones that would tell less. */
function openRawRows(environment: Environment, name: string): RawRows {
  const encodings = { encoding: "binary", keyEncoding: "binary" } as const;
  const rows: RawRows | undefined = environment.openDB({ name, ...encodings });
  if (rows === undefined) throw new Error(`it has no table "${name}"`);
  return rows;
}
