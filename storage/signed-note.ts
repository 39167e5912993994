// Signed notes: text with Ed25519 signatures under it, as c2sp.org/signed-note defines them and
// Go's
// `sumdb/note` writes them. Pure: keys and texts come in, texts and verdicts go out.
//
//   text, ends in a line break
//   (an empty line)
//   — NAME base64(first 4 bytes of the key's hash ‖ signature)
//
// 1. A note says nothing until a key that its reader trusts has verified it.
// 2. Signatures by unknown keys are ignored; a wrong one by a known key refuses the whole note.
import { createPrivateKey, createPublicKey, hash, sign, verify } from "node:crypto";
import { NoteError } from "./errors.ts";

/** The signature type of Ed25519, the only one that is read here. */
const ed25519 = 0x01;
const keyBytes = 32;
const idBytes = 4;
const signatureBytes = 64;
/** What stands before the bare 32 bytes in the encodings that Node's keys are made of. */
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex");
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex");

const noteBytesMax = 64 * 1024;
const signaturesMax = 100;
/** How a signature line begins. */
export const signatureMark = "— ";

/** A public key under the name that its signatures carry. */
export interface VerifierKey {
  readonly name: string;
  /** `NAME+ID+BASE64`: what people pass on. */
  readonly text: string;
  /** Whether `signature` is this key's over `text`. */
  verify(text: string, signature: Uint8Array): boolean;
}

/** A private key. */
export interface SigningKey {
  readonly verifier: VerifierKey;
  /** `PRIVATE+KEY+NAME+ID+BASE64`: what is kept. */
  readonly text: string;
  /** The note: `text` with this key's signature. */
  sign(text: string): string;
}

/** A note whose signatures were looked at. */
export interface OpenedNote {
  readonly text: string;
  /** The known keys that have signed it. */
  readonly signers: readonly VerifierKey[];
  /** Names under signatures by unknown keys: whoever wrote the note has chosen them. */
  readonly unknown: readonly string[];
}

/**
 * The key that `text` (`NAME+ID+BASE64`) names.
 * @throws {NoteError}
 */
export function parseVerifierKey(text: string): VerifierKey {
  const [name = "", id = "", encoded = "", ...rest] = splitKey(text);
  const raw = decodeBase64(encoded);
  if (!isKeyName(name) || rest.length > 0 || raw?.length !== 1 + keyBytes || raw[0] !== ed25519) {
    throw badKey("it is not NAME+ID+BASE64 of an Ed25519 key");
  }
  const key = verifierOf(name, raw.subarray(1));
  if (key.text !== text || !key.text.startsWith(`${name}+${id}+`)) {
    throw badKey(`its id is ${idOf(name, raw.subarray(1)).toString("hex")} and not ${id}`);
  }
  return key;
}

/**
 * The key that `text` (`PRIVATE+KEY+NAME+ID+BASE64`) holds.
 * @throws {NoteError} which says nothing of what is secret
 */
export function parseSigningKey(text: string): SigningKey {
  const [first, second, name = "", , encoded = "", ...rest] = text.split(/\+/);
  // Base64 may hold plus signs of its own.
  const raw = decodeBase64([encoded, ...rest].join("+"));
  const isWhole = first === "PRIVATE" && second === "KEY" && isKeyName(name);
  if (!isWhole || raw?.length !== 1 + keyBytes || raw[0] !== ed25519) {
    throw badKey("it is not PRIVATE+KEY+NAME+ID+BASE64 of an Ed25519 key");
  }
  const key = signingKeyOf(name, raw.subarray(1));
  if (key.text !== text) throw badKey("its id belongs to another key");
  return key;
}

/** The signing key whose secret is `seed` (32 bytes). */
export function signingKeyOf(name: string, seed: Uint8Array): SigningKey {
  const der = Buffer.concat([privatePrefix, seed]);
  const secret = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(secret).export({ format: "der", type: "spki" });
  const bare = spki.subarray(publicPrefix.length);
  const verifier = verifierOf(name, bare);
  const id = idOf(name, bare);
  const encoded = Buffer.concat([Buffer.of(ed25519), seed]).toString("base64");
  return {
    verifier,
    text: `PRIVATE+KEY+${name}+${id.toString("hex")}+${encoded}`,
    sign(text) {
      checkText(text);
      const signature = sign(null, Buffer.from(text), secret);
      const line = Buffer.concat([id, signature]).toString("base64");
      return `${text}\n${signatureMark}${name} ${line}\n`;
    },
  };
}

/**
 * Reads a note and verifies it with `keys`.
 * @throws {NoteError} for what is no note, and where a known key's signature is wrong
 */
export function openNote(note: string, keys: readonly VerifierKey[]): OpenedNote {
  if (Buffer.byteLength(note) > noteBytesMax) throw malformed(`it is above ${noteBytesMax} bytes`);
  const cut = note.lastIndexOf("\n\n");
  if (cut < 0 || !note.endsWith("\n")) throw malformed("no signatures stand under an empty line");
  const text = note.slice(0, cut + 1);
  checkText(text);
  const lines = note.slice(cut + 2, -1).split("\n");
  if (lines.length > signaturesMax) throw malformed(`it has more than ${signaturesMax} signatures`);
  const signers = new Set<VerifierKey>();
  const unknown: string[] = [];
  for (const line of lines) {
    const { name, id, signature } = readSignature(line);
    const known = keys.filter((key) => key.text.startsWith(`${name}+${id}+`));
    if (known.length === 0) unknown.push(name);
    for (const key of known) {
      if (!key.verify(text, signature)) {
        throw new NoteError("note-signature", `the signature by ${name}+${id} is not its key's`);
      }
      signers.add(key);
    }
  }
  return { text, signers: [...signers], unknown };
}

function readSignature(line: string) {
  const [name = "", encoded = "", ...rest] = line.slice(signatureMark.length).split(" ");
  const raw = decodeBase64(encoded);
  const isWhole = line.startsWith(signatureMark) && isKeyName(name) && rest.length === 0;
  if (!isWhole || raw === null || raw.length <= idBytes) {
    throw malformed(`"${line.slice(0, 40)}" is no signature line`);
  }
  const id = raw.subarray(0, idBytes).toString("hex");
  return { name, id, signature: raw.subarray(idBytes) };
}

function verifierOf(name: string, bare: Uint8Array): VerifierKey {
  const der = Buffer.concat([publicPrefix, bare]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  const id = idOf(name, bare).toString("hex");
  const encoded = Buffer.concat([Buffer.of(ed25519), bare]).toString("base64");
  return {
    name,
    text: `${name}+${id}+${encoded}`,
    verify: (text, signature) =>
      signature.length === signatureBytes && verify(null, Buffer.from(text), key, signature),
  };
}

/** The first bytes of SHA-256(name ‖ line break ‖ type ‖ public key). */
function idOf(name: string, bare: Uint8Array): Buffer {
  const input = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ed25519), bare]);
  return hash("sha256", input, "buffer").subarray(0, idBytes);
}

/** At the first two plus signs: Base64 may hold more of them. */
function splitKey(text: string): string[] {
  const [name = "", id = "", ...encoded] = text.split("+");
  return [name, id, encoded.join("+")];
}

function isKeyName(name: string): boolean {
  return name !== "" && !/[+\p{White_Space}\p{Cc}\p{Surrogate}]/u.test(name);
}

/** Control characters other than the line break, and halves of characters. */
const hiddenCharacters = /[^\P{Cc}\n\u007f-\u009f]|\p{Surrogate}/u;

function checkText(text: string): void {
  if (!text.endsWith("\n")) throw malformed("its text does not end in a line break");
  if (hiddenCharacters.test(text)) throw malformed("it holds control characters");
}

/** The bytes, or null for what is not exactly how they are written. */
function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text && text !== "" ? bytes : null;
}

function malformed(reason: string): NoteError {
  return new NoteError("note-malformed", `not a signed note: ${reason}`);
}

function badKey(reason: string): NoteError {
  return new NoteError("note-key", `not a key for signed notes: ${reason}`);
}
