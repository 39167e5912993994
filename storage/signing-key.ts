// The key that signs a folder's checkpoints: made once, kept in a file that only its owner reads.
//
// 1. The public key stands beside it (`.pub`). Trust begins where a person keeps that one, or a
//    checkpoint, somewhere else: whoever can write the runs can also write both files.
// 2. A key that others may read is refused, as ssh does.
import { generateKeyPairSync } from "node:crypto";
import { link, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { sha256Hex } from "../events/index.ts";
import { NoteError } from "./errors.ts";
import { syncDirectory } from "./lmdb-env.ts";
import { parseSigningKey, type SigningKey, signingKeyOf } from "./signed-note.ts";

const seedBytes = 32;
/** Digits of the public key's hash in the key's name: enough to tell keys apart. */
const nameDigits = 16;
const privateMode = 0o600;
const publicMode = 0o644;

/** A new key, named by its public half. */
export function newSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(-seedBytes);
  const bare = publicKey.export({ format: "der", type: "spki" }).subarray(-seedBytes);
  return signingKeyOf(`varft/${sha256Hex(bare).slice(0, nameDigits)}`, seed);
}

/**
 * The key in `file`; makes one where there is none.
 * @throws {NoteError} note-key
 */
export async function openSigningKey(file: string): Promise<SigningKey> {
  const kept = await readKey(file);
  if (kept !== null) return kept;
  await mkdir(dirname(file), { recursive: true });
  const made = newSigningKey();
  // Written whole under another name and then linked: of two processes one wins, and nobody reads
  // half a key.
  const draft = `${file}.${process.pid}.${process.hrtime.bigint()}`;
  try {
    await writeDurably(draft, `${made.text}\n`, privateMode);
    await link(draft, file);
  } catch (thrown) {
    const isThere = thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST";
    if (!isThere) throw thrown;
  } finally {
    await rm(draft, { force: true });
  }
  const key = (await readKey(file)) ?? made;
  await writeDurably(`${file}.pub`, `${key.verifier.text}\n`, publicMode);
  await syncDirectory(dirname(file));
  return key;
}

async function readKey(file: string): Promise<SigningKey | null> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new NoteError("note-key", `others may read this signing key: chmod 600 ${file}`);
    }
    return parseSigningKey((await readFile(file, "utf8")).trimEnd());
  } catch (thrown) {
    if (thrown instanceof NoteError) throw inFile(file, thrown);
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return null;
    throw thrown;
  }
}

function inFile(file: string, cause: NoteError): NoteError {
  return new NoteError("note-key", `${file}: ${cause.message}`, { cause });
}

async function writeDurably(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, "w", mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
