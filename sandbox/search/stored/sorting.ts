// What a pass over the corpus collects: sorted runs of terms with their postings, and of ids with
// where they stand. A run is written when the next would be too large for the memory.
import { join } from "node:path";
import { assert } from "../../../events/index.ts";
import { ByteWriter } from "./bytes.ts";
import { growingWords } from "./grow.ts";
import { putPosting } from "./postings.ts";
import { RunWriter } from "./runs.ts";

/** Postings of a run, twelve bytes each. */
const runPostingsMax = 6_000_000;
/** Different terms of a run; each is a string in a map. */
const runTermsMax = 1_000_000;
/** Ids of a run. */
const runIdsMax = 500_000;
/** Characters of the terms, or of the ids, of a run. */
const runCharsMax = 64_000_000;

/** Two numbers. */
const idPayloadBytes = 12;

const none = 0xffff_ffff;

/** The terms of one run after the other. */
export class TermRuns {
  readonly paths: string[] = [];
  /** Terms of all runs; one that stands in two runs counts twice. */
  terms = 0;
  postings = 0;
  readonly #folder: string;
  readonly #numbers = new Map<string, number>();
  // By term: its first and its last posting, and how many it has.
  #firsts = growingWords();
  #lasts = growingWords();
  #counts = growingWords();
  // By posting.
  readonly #documents = new Uint32Array(runPostingsMax);
  readonly #frequencies = new Uint32Array(runPostingsMax);
  readonly #nexts = new Uint32Array(runPostingsMax);
  #used = 0;
  #chars = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Adds the tokens of a document; documents come in order. */
  add(document: number, tokens: readonly string[]): void {
    // Before and not between: the frequency of a term in a document is one number of one run.
    if (this.#isFullWith(tokens.length)) this.#write();
    for (const token of tokens) {
      const number = this.#numbers.get(token);
      if (number === undefined) this.#begin(token, document);
      else this.#count(number, document);
    }
  }

  end(): void {
    if (this.#used > 0) this.#write();
  }

  #isFullWith(tokens: number): boolean {
    if (this.#used === 0) return false;
    if (this.#used + tokens > runPostingsMax) return true;
    return this.#numbers.size >= runTermsMax || this.#chars >= runCharsMax;
  }

  #begin(token: string, document: number): void {
    // A token that was cut out of a passage may hold on to all of it: this one is on its own.
    const own = Buffer.from(token).toString();
    this.#numbers.set(own, this.#numbers.size);
    this.#chars += own.length;
    const posting = this.#put(document);
    this.#firsts.push(posting);
    this.#lasts.push(posting);
    this.#counts.push(1);
  }

  #count(number: number, document: number): void {
    const last = this.#lasts.at(number);
    if (this.#documents[last] === document) {
      this.#frequencies[last] = (this.#frequencies[last] as number) + 1;
      return;
    }
    const posting = this.#put(document);
    this.#nexts[last] = posting;
    this.#lasts.set(number, posting);
    this.#counts.set(number, this.#counts.at(number) + 1);
  }

  #put(document: number): number {
    const posting = this.#used++;
    assert(posting < runPostingsMax, "a line has fewer different tokens than a run has room for");
    this.#documents[posting] = document;
    this.#frequencies[posting] = 1;
    this.#nexts[posting] = none;
    return posting;
  }

  #write(): void {
    const path = join(this.#folder, `terms-${this.paths.length}.run`);
    const run = new RunWriter(path);
    const payload = new ByteWriter();
    for (const term of [...this.#numbers.keys()].sort()) {
      payload.clear();
      this.#putList(payload, this.#numbers.get(term) as number);
      run.add(term, payload.written);
    }
    run.close();
    this.paths.push(path);
    this.terms += this.#numbers.size;
    this.postings += this.#used;
    this.#numbers.clear();
    this.#firsts = growingWords();
    this.#lasts = growingWords();
    this.#counts = growingWords();
    this.#used = 0;
    this.#chars = 0;
  }

  /** How many postings, then each. */
  #putList(payload: ByteWriter, number: number): void {
    payload.number(this.#counts.at(number));
    let before = 0;
    for (let at = this.#firsts.at(number); at !== none; at = this.#nexts[at] as number) {
      const document = this.#documents[at] as number;
      putPosting(payload, document - before, this.#frequencies[at] as number);
      before = document;
    }
  }
}

/** The ids of one run after the other: each with its document and its line. */
export class IdRuns {
  readonly paths: string[] = [];
  readonly #folder: string;
  // An id that stands twice in a run keeps both, for the error.
  readonly #payloads = new Map<string, ByteWriter>();
  #chars = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  add(id: string, document: number, line: number): void {
    if (this.#payloads.size >= runIdsMax || this.#chars >= runCharsMax) this.#write();
    const payload = this.#payloads.get(id) ?? new ByteWriter(idPayloadBytes);
    payload.number(document);
    payload.number(line);
    this.#payloads.set(id, payload);
    this.#chars += id.length;
  }

  end(): void {
    if (this.#payloads.size > 0) this.#write();
  }

  #write(): void {
    const path = join(this.#folder, `ids-${this.paths.length}.run`);
    const run = new RunWriter(path);
    for (const id of [...this.#payloads.keys()].sort()) {
      run.add(id, this.#payloads.get(id)?.written ?? new Uint8Array());
    }
    run.close();
    this.paths.push(path);
    this.#payloads.clear();
    this.#chars = 0;
  }
}
