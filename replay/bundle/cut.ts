// How much of a run goes into a bundle: all of it or, while it goes on, all up to its latest
// checkpoint, so that every event of the bundle is a signed one.
import { BundleError, cutNotes, type Head, parseCheckpoint } from "../../storage/index.ts";

/** What of a run is bundled. */
export interface Cut {
  readonly head: Head;
  /** The checkpoints of it. */
  readonly notes: readonly string[];
}

/**
 * The whole run of which `head` is the head.
 * @param text of its checkpoints
 */
export function wholeRun(head: Head, text: string): Cut {
  return { head, notes: cutNotes(text).notes };
}

/**
 * A run that goes on, up to its latest checkpoint.
 * @throws {BundleError} bundle-refused where it has none yet
 */
export function atCheckpoint(head: Head, text: string): Cut {
  const notes = cutNotes(text).notes.filter((note) => headOf(note).size <= head.size);
  const last = notes.at(-1);
  if (last !== undefined) return { head: headOf(last), notes };
  throw new BundleError(
    "bundle-refused",
    "the run goes on and has signed no checkpoint yet: try again after its first step",
  );
}

/** What a note of a run's own checkpoints says; whether its signature is right, an audit says. */
function headOf(note: string): Head {
  const { size, hash } = parseCheckpoint(note.slice(0, note.lastIndexOf("\n\n") + 1));
  return { size, hash };
}
