// The checkpoints of a run against its chain: those that lie beside the ledger, and those that a
// person kept elsewhere.
//
// 1. A signature proves where a ledger comes from only if its key, or the note itself, was kept
//    elsewhere. What lies in the run directory can be made anew by whoever rewrote the ledger.
// 2. A checkpoint fixes every event before it. Where one fails and the one before it holds, what
//    was changed lies between the two.
import {
  type Checkpoint,
  cutNotes,
  NoteError,
  openNote,
  originOf,
  parseCheckpoint,
  parseVerifierKey,
  type VerifierKey,
} from "../../storage/index.ts";
import type { Findings } from "./findings.ts";

const check = "checkpoints";

/** The checkpoint files as text. */
export interface CheckpointTexts {
  /** `checkpoints.txt` of the run directory. */
  readonly notes: string;
  /** `checkpoints.pub` of the run directory. */
  readonly keys: string;
  /** A public key that the person trusts. */
  readonly trustedKey: string | null;
  /** Notes that were kept elsewhere. */
  readonly trustedNotes: string | null;
}

interface Claim extends Checkpoint {
  readonly isTrusted: boolean;
}

/** Compares checkpoints with the chain as it passes by. */
export class CheckpointAudit {
  readonly #findings: Findings;
  readonly #claims: Claim[] = [];
  readonly #originKeys = new Set<string>();
  readonly #wantsTrust: boolean;
  #next = 0;
  #lastGood = 0;
  #proven = 0;
  #last: string | null = null;

  constructor(texts: CheckpointTexts, findings: Findings) {
    this.#findings = findings;
    findings.declare(check);
    this.#wantsTrust = texts.trustedKey !== null || texts.trustedNotes !== null;
    const trusted = texts.trustedKey === null ? [] : [parseVerifierKey(texts.trustedKey)];
    const own = this.#ownKeys(texts.keys);
    // With a trusted key, a checkpoint from elsewhere counts only if that key has signed it.
    const kept = texts.trustedNotes ?? "";
    this.#read(kept, trusted.length > 0 ? trusted : own, trusted, trusted.length === 0);
    this.#read(texts.notes, [...own, ...trusted], trusted, false);
    this.#claims.sort((a, b) => a.size - b.size);
  }

  /** How many events a trusted key or checkpoint vouches for. */
  get provenEvents(): number {
    return this.#proven;
  }

  /** Up to here a checkpoint has agreed with the events. */
  get lastGood(): number {
    return this.#lastGood;
  }

  /** The latest note beside the ledger. */
  get lastNote(): string | null {
    return this.#last;
  }

  /** The size of the next checkpoint; what stands between is of no interest here. */
  get nextSize(): number {
    return this.#claims[this.#next]?.size ?? Number.POSITIVE_INFINITY;
  }

  /**
   * The chain after `size` events, where that is `nextSize`.
   * @param run the run's own name
   */
  take(size: number, hash: string, run: string | null): void {
    while (this.nextSize === size) {
      const claim = this.#claims[this.#next++];
      this.#findings.count(check);
      if (claim === undefined) continue;
      if (claim.hash === hash) {
        this.#lastGood = size;
        if (claim.isTrusted) this.#proven = size;
      } else if (!this.#isForeign(claim, run)) this.#differs(claim, hash);
    }
  }

  /** After the last event. @param run the run's own name */
  end(events: number, run: string | null): void {
    const beyond = this.#claims.findLast((claim) => !this.#isForeign(claim, run));
    if (beyond !== undefined && beyond.size > events) {
      const reason = `the ledger ends after event ${events}, and ${beyond.size} were signed`;
      this.#findings.add(check, events + 1, null, reason);
    }
    const foreign = this.#claims.find((claim) => this.#isForeign(claim, run));
    if (foreign !== undefined) {
      this.#findings.addWhole(check, `one is of another ledger: ${foreign.origin}`);
    }
    if (this.#wantsTrust && !this.#claims.some(({ isTrusted }) => isTrusted)) {
      this.#findings.addWhole(check, "none is signed by the trusted key");
    }
  }

  /** One of another ledger tells nothing of this one's events. */
  #isForeign({ origin }: Claim, run: string | null): boolean {
    if (run === null) return false;
    return ![...this.#originKeys].some((key) => origin === originOf(key, run));
  }

  #differs({ size, hash, isTrusted }: Claim, found: string): void {
    // Whoever wrote the ledger anew has signed it anew: against a trusted one only trusted ones
    // count.
    const from = (isTrusted ? this.#proven : this.#lastGood) + 1;
    const events = from === size ? `event ${size}` : `one of the events ${from} to ${size}`;
    const reason = `${events} was changed: the checkpoint says ${hash}, they give ${found}`;
    this.#findings.add(check, from, null, reason, size);
  }

  #ownKeys(text: string): VerifierKey[] {
    const keys: VerifierKey[] = [];
    for (const line of text.split("\n").filter((one) => one !== "")) {
      try {
        keys.push(parseVerifierKey(line));
      } catch (thrown) {
        this.#refuse("a key beside the ledger is none", thrown);
      }
    }
    return keys;
  }

  #read(
    text: string,
    known: readonly VerifierKey[],
    trusted: readonly VerifierKey[],
    isKept: boolean,
  ): void {
    const { notes, rest } = cutNotes(text);
    if (isKept && rest.trim() !== "") this.#refuse("the kept one is no signed note", null);
    for (const note of notes) {
      try {
        const { text: lines, signers, unknown } = openNote(note, known);
        const isTrusted =
          isKept || signers.some(({ text: key }) => trusted.some((one) => one.text === key));
        const names = [...signers.map(({ name }) => name), ...(isKept ? unknown : [])];
        if (signers.length === 0 && !isKept) this.#refuse(`none of its keys signed one`, null);
        else this.#claim({ ...parseCheckpoint(lines), isTrusted }, names);
      } catch (thrown) {
        this.#refuse("one cannot be read", thrown);
      }
      if (!isKept) this.#last = note;
    }
  }

  #claim(claim: Claim, signers: readonly string[]): void {
    for (const name of signers) this.#originKeys.add(name);
    if (claim.size > 0) this.#claims.push(claim);
  }

  #refuse(what: string, thrown: unknown): void {
    if (thrown !== null && !(thrown instanceof NoteError)) throw thrown;
    const reason = thrown === null ? what : `${what}: ${thrown.message}`;
    this.#findings.addWhole(check, reason);
  }
}
