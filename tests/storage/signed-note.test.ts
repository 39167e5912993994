// Goal: notes are those of c2sp.org/signed-note, byte for byte as Go's sumdb/note writes them, and
// whatever is not such a note is refused.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  checkpointText,
  cutNotes,
  newSigningKey,
  openNote,
  parseCheckpoint,
  parseSigningKey,
  parseVerifierKey,
} from "../../storage/index.ts";

const test = suite("storage/signed-note");

// From golang.org/x/mod/sumdb/note, note_test.go.
const peter = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const peterSecret =
  "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const enoch = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const text =
  "If you think cryptography is the answer to your problem,\n" +
  "then you don't know what your problem is.\n";
const peterLine =
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const enochLine =
  "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const note = `${text}\n${peterLine}`;

// From c2sp.org/signed-note and c2sp.org/tlog-checkpoint: their keys are not published.
const poem = [
  "Ognuno sta solo sul cuor della terra",
  "trafitto da un raggio di sole:",
  "",
  "ed è subito sera.",
  "",
  "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=",
  "",
].join("\n");
const sofa = [
  "example.com/behind-the-sofa",
  "20852163",
  "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
  "",
  "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=",
  "",
].join("\n");

const refuses = (code: string, action: () => unknown, what = "") => {
  try {
    action();
  } catch (thrown) {
    assert.is((thrown as { code?: string }).code, code, `${what}: ${thrown}`);
    return;
  }
  assert.unreachable(`${what} was taken`);
};

test("Go's key signs Go's note, byte for byte", () => {
  const key = parseSigningKey(peterSecret);
  assert.is(key.verifier.text, peter);
  assert.is(key.sign(text), note);
});

test("Go's notes are verified by their keys; signatures by others are ignored and named", () => {
  const keys = [parseVerifierKey(peter), parseVerifierKey(enoch)];
  assert.equal(openNote(note, keys).signers, [keys[0]]);
  assert.equal(openNote(note + enochLine, keys).signers, keys);
  const opened = openNote(note + enochLine, keys.slice(0, 1));
  assert.equal([opened.text, opened.unknown], [text, ["EnochRoot"]]);
  assert.equal(openNote(note, []).signers, []);
});

test("the notes of the specifications are read: empty lines in the text, sizes, hashes", () => {
  const opened = openNote(poem, []);
  assert.match(opened.text, /^Ognuno .*\n.*sole:\n\ned è subito sera\.\n$/);
  assert.equal(opened.unknown, ["quasimodo.example/salvatore"]);
  const { text: lines } = openNote(sofa, []);
  const checkpoint = parseCheckpoint(lines);
  assert.equal([checkpoint.origin, checkpoint.size], ["example.com/behind-the-sofa", 20852163]);
  assert.is(checkpointText(checkpoint), lines);
});

test("a changed text and a changed signature are refused", () => {
  const keys = [parseVerifierKey(peter)];
  refuses("note-signature", () => openNote(note.replace("answer", "Answer"), keys));
  const forged = note.replace("ZJkuBS9UG", "ZJkuBS9UH");
  refuses("note-signature", () => openNote(forged, keys));
  refuses("note-signature", () => openNote(note + peterLine.replace("KE6R", "KE6S"), keys));
});

test("what is no note is refused", () => {
  const bad = [
    text,
    `${text}\n`,
    note.slice(0, -1),
    `\u0001${note}`,
    `${text}\n${peterLine.replace("PeterNeumann", "Bad Name")}`,
    `${note}Unexpected line.\n`,
    `${text}\n${peterLine.repeat(101)}`,
    note.replace("x08go/ZJ", "x08go_ZJ"),
    "",
    "x".repeat(70_000),
  ];
  for (const one of bad) refuses("note-malformed", () => openNote(one, []), one.slice(0, 80));
});

test("no piece and no change of a key is a key", () => {
  for (const [whole, read] of [
    [peter, parseVerifierKey],
    [peterSecret, parseSigningKey],
  ] as const) {
    for (let from = 0; from < whole.length; from++) {
      if (from > 0) refuses("note-key", () => read(whole.slice(from)), whole.slice(from));
      refuses("note-key", () => read(whole.slice(0, from)), whole.slice(0, from));
      const next = String.fromCharCode(whole.charCodeAt(from) + 1);
      const changed = whole.slice(0, from) + next + whole.slice(from + 1);
      refuses("note-key", () => read(changed), changed);
    }
  }
  refuses("note-key", () =>
    parseVerifierKey("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
  );
});

test("what is no checkpoint is refused", () => {
  const good = openNote(sofa, []).text;
  const [origin, size, hash] = good.split("\n");
  const bad = [
    `${origin}\n${size}\n`,
    `\n${size}\n${hash}\n`,
    `${origin}\n0${size}\n${hash}\n`,
    `${origin}\n-1\n${hash}\n`,
    `${origin}\n99999999999999999\n${hash}\n`,
    `${origin}\n${size}\n${hash?.slice(1)}\n`,
    `${origin}\n${size}\n${hash}\n\n`,
    `${origin}\n${size}\n${hash}`,
  ];
  for (const one of bad) refuses("note-malformed", () => parseCheckpoint(one), one);
  assert.is(parseCheckpoint(`${good}an extension\n`).size, 20852163);
});

test("a file of notes is cut where they end, and what was left half is told apart", () => {
  const two = `${note}${enochLine}`;
  const { notes, rest } = cutNotes(`${poem}\n${two}\n\n${sofa.slice(0, 40)}`);
  assert.equal(notes, [poem, two]);
  assert.is(rest, sofa.slice(0, 40));
  assert.equal(cutNotes(""), { notes: [], rest: "" });
});

test("a new key is its own, and its signatures are nobody else's", () => {
  const [one, other] = [newSigningKey(), newSigningKey()];
  assert.not.equal(one.text, other.text);
  assert.is(parseSigningKey(one.text).verifier.text, one.verifier.text);
  assert.equal(openNote(one.sign("a\n"), [one.verifier]).signers, [one.verifier]);
  assert.equal(openNote(one.sign("a\n"), [other.verifier]).signers, []);
});

test.run();
