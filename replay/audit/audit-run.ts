// Audits a run directory in a process of its own: LMDB maps the file that it reads and believes it,
// so a damaged or hostile one can crash it, keep it in circles or have it ask for any memory. That
// takes down the child and not the auditor, and counts as what it is: a run that cannot be read.
//
// 1. The child is killed when it tells nothing new for a while, or takes too much memory. Its
//    start, which no file can delay, has a time of its own.
// 2. What it says is checked by shape; a child that ends without a report has found damage.
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { constants } from "node:os";
import { StringDecoder } from "node:string_decoder";
import { fileURLToPath } from "node:url";
import { CancelledError } from "../../events/index.ts";
import { stoppedWriter } from "../../storage/index.ts";
import type { AuditProgress, AuditReport } from "./audit-evidence.ts";
import { type AuditRequest, type ChildLine, readLine } from "./protocol.ts";

const auditor = fileURLToPath(new URL("./auditor.mjs", import.meta.url));
/** The child's own words, kept for the reason of its death. */
const lastWordsCharsMax = 2_000;
/** A line of the child, in characters. */
const lineCharsMax = 1024 * 1024;
const pollMs = 100;
const mebibyte = 2 ** 20;
/** Events are read and forgotten: room for many of them spares the collector most of its work. */
const youngMebibytes = 64;

/** How much a child may take. */
export interface AuditLimits {
  /** Until its first word, in milliseconds: a busy host starts slowly, whatever the files are. */
  readonly startMsMax: number;
  /** Without any progress, in milliseconds. */
  readonly stallMsMax: number;
  /** Of its own, mapped files left out, in bytes. */
  readonly memoryBytesMax: number;
}

export const auditLimits: AuditLimits = {
  startMsMax: 120_000,
  stallMsMax: 60_000,
  memoryBytesMax: 4096 * mebibyte,
};

/** A second thread starts in a third of a second: the time of some 50,000 events. */
const twoThreadsEventsMin = 50_000;

export interface AuditOptions extends Pick<AuditRequest, "trustedKey" | "trustedNotes"> {
  /** The record of a run that went on when it was taken. */
  readonly wasRunning?: boolean;
  readonly onProgress?: (progress: AuditProgress) => void;
  readonly signal?: AbortSignal;
  readonly limits?: AuditLimits;
  /** With so many events a second thread is worth its start. */
  readonly twoThreadsEventsMin?: number;
}

/**
 * Audits the run in `directory`.
 * @throws {CancelledError} when the signal is aborted
 * @throws {LedgerError} ledger-in-use where its writer stands still: that is no damage
 */
export async function auditRun(directory: string, options: AuditOptions): Promise<AuditReport> {
  const stopped = await stoppedWriter(directory);
  if (stopped !== null) throw stopped;
  const child = new AuditChild(options.limits ?? auditLimits, options.onProgress);
  const { trustedKey, trustedNotes, signal, wasRunning = false } = options;
  const eventsMin = options.twoThreadsEventsMin ?? twoThreadsEventsMin;
  const trust = { trustedKey, trustedNotes };
  const request = { directory, ...trust, wasRunning, twoThreadsEventsMin: eventsMin };
  const report = await child.audit(request, signal);
  if (signal?.aborted) throw new CancelledError("interrupted", "the audit was stopped");
  return report;
}

class AuditChild {
  readonly #limits: AuditLimits;
  readonly #onProgress: (progress: AuditProgress) => void;
  readonly #process: ChildProcess;
  #hasBegun = false;
  #opensBlobs = false;
  #last: AuditProgress = { stage: "events", done: 0, total: 0 };
  #lastMs = performance.now();
  #lastWords = "";
  #ended: Extract<ChildLine, { readonly report: unknown } | { readonly failure: unknown }> | null =
    null;
  #killed: string | null = null;

  constructor(limits: AuditLimits, onProgress: (progress: AuditProgress) => void = () => {}) {
    this.#limits = limits;
    this.#onProgress = onProgress;
    const heap = Math.ceil(limits.memoryBytesMax / mebibyte);
    const flags = [`--max-old-space-size=${heap}`, `--max-semi-space-size=${youngMebibytes}`];
    this.#process = spawn(process.execPath, [...flags, auditor], {
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  async audit(request: AuditRequest, signal?: AbortSignal): Promise<AuditReport> {
    const child = this.#process;
    const stop = (): void => this.#kill("it was stopped");
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
    const watch = setInterval(() => void this.#watch(), pollMs);
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(`cannot be started: ${error.message}`));
      child.once("close", (code, name) => resolve(deathOf(code, name)));
    });
    child.stdin?.on("error", () => {}); // It has ended, and says so.
    child.stdin?.end(JSON.stringify(request));
    eachLine(child.stdout, (line) => this.#hear(line));
    child.stderr?.on("data", (bytes: Buffer) => {
      this.#lastWords = (this.#lastWords + bytes.toString()).slice(-lastWordsCharsMax);
    });
    try {
      return this.#conclude(await ended);
    } finally {
      clearInterval(watch);
      signal?.removeEventListener("abort", stop);
    }
  }

  #hear(text: string): void {
    const line = readLine(text);
    if (line === null) this.#kill("it says what no auditor says");
    else if ("begins" in line) {
      this.#hasBegun = true;
      this.#lastMs = performance.now();
    } else if ("opening" in line) this.#opensBlobs = line.opening !== null;
    else if (!("progress" in line)) this.#ended ??= line;
    else if (isFurther(line.progress, this.#last)) {
      this.#last = line.progress;
      this.#lastMs = performance.now();
      this.#onProgress(line.progress);
    }
  }

  async #watch(): Promise<void> {
    const { startMsMax, stallMsMax, memoryBytesMax } = this.#limits;
    const silenceMsMax = this.#hasBegun ? stallMsMax : startMsMax;
    if (performance.now() - this.#lastMs > silenceMsMax) {
      this.#kill(`it told nothing for ${silenceMsMax / 1_000} s`);
    }
    if ((await ownMemory(this.#process.pid)) > memoryBytesMax) {
      this.#kill(`it took more than ${Math.round(memoryBytesMax / mebibyte)} MiB`);
    }
  }

  #kill(reason: string): void {
    this.#killed ??= reason;
    this.#process.kill("SIGKILL");
  }

  #conclude(death: string): AuditReport {
    const ended = this.#ended;
    if (this.#killed === null && ended !== null && "report" in ended) return ended.report;
    const words = this.#lastWords.trim().split("\n").at(-1) ?? "";
    const failure = ended !== null && "failure" in ended ? ended.failure : null;
    const how = this.#killed ?? failure ?? (words === "" ? death : `${death} (${words})`);
    return unreadable(this.#opensBlobs ? "opening" : this.#last.stage, this.#last.done, how);
  }
}

/**
 * The report of a run that could not be read to its end.
 * @param stage what was read last; `opening`: nothing, the blobs could not be opened
 */
function unreadable(
  stage: AuditProgress["stage"] | "opening",
  done: number,
  how: string,
): AuditReport {
  const events = stage === "events" ? done : 0;
  const what = {
    events: `the ledger cannot be read after event ${done}`,
    opening: "the file of blobs cannot be read at its beginning",
    blobs: `the file of blobs cannot be read at blob ${done}`,
  };
  const reason = `reading: ${what[stage]}: ${how}`;
  const bad = { seq: stage === "events" ? done + 1 : 0, stream: null, reason };
  return {
    run: null,
    completed: false,
    events,
    provenEvents: 0,
    eventsPerSecond: 0,
    blobBytes: 0,
    pruned: [],
    firstBad: bad,
    checks: { reading: 1 },
    faults: { reading: bad },
    checkpoint: null,
  };
}

function isFurther(a: AuditProgress, b: AuditProgress): boolean {
  return a.stage === b.stage ? a.done > b.done : a.stage === "blobs";
}

function deathOf(code: number | null, signal: string | null): string {
  if (signal !== null) return `its reader died of ${signal}`;
  // A shell's way of saying it, which Node's own abort takes too.
  const byNumber = Object.entries(constants.signals).find(([, value]) => value + 128 === code);
  return byNumber ? `its reader died of ${byNumber[0]}` : `its reader ended with code ${code}`;
}

function eachLine(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  stream?.on("data", (bytes: Buffer) => {
    const lines = (rest + decoder.write(bytes)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
    // Longer than any line: to be refused as one.
    if (rest.length > lineCharsMax) take(rest);
  });
}

/** Memory of a process that no file backs, in bytes; 0 where the system does not say. */
async function ownMemory(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}
