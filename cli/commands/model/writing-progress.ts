// How far a long writing is, and how long it will still take.

import type { Terminal } from "../../terminal.ts";
import { byteSize, clock } from "../../text/index.ts";

/** How often the line is drawn, in milliseconds. */
const redrawMs = 250;
/** What is over so soon needs no progress, in milliseconds. */
const quietMs = 1_000;
/** Where nobody looks, a line is written when so much more is done. */
const shareOfLine = 0.25;

/** Tells of one piece of work. */
export interface WritingProgress {
  /** Runs `work` and tells how far it is. */
  over<T>(work: (onProgress: (done: number, total: number) => void) => Promise<T>): Promise<T>;
  /** Since the beginning, to a tenth. */
  seconds(): number;
}

/** `what` names the work; `now` in milliseconds. */
export function writingProgress(
  what: string,
  terminal: Terminal,
  now: () => number,
): WritingProgress {
  const startedMs = now();
  let drawnMs = Number.NEGATIVE_INFINITY;
  let toldShare = 0;
  const line = (done: number, total: number) => {
    const left = ((now() - startedMs) / 1_000) * (total / done - 1);
    return `${what}: ${byteSize(done)} of ${byteSize(total)}, about ${clock(left)} left`;
  };
  const onProgress = (done: number, total: number) => {
    if (done === 0 || done === total || now() - startedMs < quietMs) return;
    if (!terminal.isTty) {
      if (done / total < toldShare + shareOfLine) return;
      toldShare = done / total;
      terminal.err(`${line(done, total)}\n`);
    } else if (now() - drawnMs >= redrawMs) {
      drawnMs = now();
      terminal.err(`\r\u001b[K${line(done, total)}`);
    }
  };
  return {
    async over(work) {
      try {
        return await work(onProgress);
      } finally {
        if (terminal.isTty) terminal.err("\r\u001b[K");
      }
    },
    seconds: () => Math.round((now() - startedMs) / 100) / 10,
  };
}
