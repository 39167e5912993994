// Checkpoints: what a ledger held when it was signed, in the form of c2sp.org/tlog-checkpoint.
//
//   ORIGIN                     which ledger: the key's name and the run
//   SIZE                       how many events
//   base64(chain hash)         the hash of the chain after that many
//   (an empty line)
//   — KEY NAME base64(…)       the signature (`signed-note.ts`)
//
// The third line is the hash of our chain (`chain.ts`) and not of a Merkle tree: nobody asks for
// proofs of single events, and who holds the ledger computes the chain faster than a tree.
import { chainHashBytes } from "./chain.ts";
import { NoteError } from "./errors.ts";
import type { Head } from "./ledger.ts";
import { signatureMark } from "./signed-note.ts";

/** The file of a run directory that holds its checkpoints, the oldest first. */
export const checkpointsFile = "checkpoints.txt";
/** The file of a run directory that names the public keys of its checkpoints, one a line. */
export const checkpointKeysFile = "checkpoints.pub";

/** A ledger's head at some time, and whose. */
export interface Checkpoint extends Head {
  readonly origin: string;
}

/** The origin of a run's checkpoints by the key `keyName`. */
export function originOf(keyName: string, run: string): string {
  return `${keyName}/${run}`;
}

/** The text of a checkpoint's note. */
export function checkpointText({ origin, size, hash }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(hash, "hex").toString("base64")}\n`;
}

/**
 * Reads the text of a checkpoint's note.
 * @throws {NoteError}
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = "", sizeText = "", encoded = "", ...rest] = text.split("\n");
  const hash = Buffer.from(encoded, "base64");
  const size = /^(?:0|[1-9]\d{0,15})$/.test(sizeText) ? Number(sizeText) : -1;
  const isWhole = hash.length === chainHashBytes && hash.toString("base64") === encoded;
  // Lines of extensions are allowed, empty ones are not; the last line break leaves one.
  const isEnded = rest.at(-1) === "" && !rest.slice(0, -1).includes("");
  if (origin === "" || size < 0 || !Number.isSafeInteger(size) || !isWhole || !isEnded) {
    throw new NoteError("note-malformed", "not a checkpoint: no lines of origin, size and hash");
  }
  return { origin, size, hash: hash.toString("hex") };
}

/** Notes one after the other, and what is left over behind the last whole one. */
export interface CutNotes {
  readonly notes: readonly string[];
  readonly rest: string;
}

/** Cuts a file of notes, between which empty lines may stand. */
export function cutNotes(text: string): CutNotes {
  const notes: string[] = [];
  const lines = text.split("\n");
  const last = lines.pop() ?? "";
  let note: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === "" && note.length === 0) continue;
    note.push(line);
    const isSignature = line.startsWith(signatureMark);
    if (!isSignature || lines[index + 1]?.startsWith(signatureMark)) continue;
    notes.push(`${note.join("\n")}\n`);
    note = [];
  }
  const rest = [...note, last].join("\n");
  return { notes, rest };
}
