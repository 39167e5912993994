// How far a command is through a stage of its work: a line that is drawn anew while a person looks.
import type { CommandContext } from "../command.ts";
import { duration } from "../text/index.ts";

/** What takes longer tells how far it is, in milliseconds. */
const quietMs = 2_000;
const redrawMs = 500;

/** A stage of some work, and how far that is. */
export interface StageProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

export interface StageLine {
  tell(progress: StageProgress): void;
  clear(): void;
}

/**
 * @param doing what is done: `auditing`
 * @param counted words for what is done of a stage: `12 of 34 events`
 */
export function stageLine(
  { terminal, json, now }: CommandContext,
  doing: string,
  counted: (progress: StageProgress) => string,
): StageLine {
  const startMs = now();
  let stage = "";
  let [stageMs, drawnMs] = [startMs, startMs + quietMs - redrawMs];
  let isDrawn = false;
  return {
    tell(progress) {
      const nowMs = now();
      if (progress.stage !== stage) [stage, stageMs] = [progress.stage, nowMs];
      if (json || !terminal.isTty || nowMs - drawnMs < redrawMs) return;
      drawnMs = nowMs;
      isDrawn = true;
      const share = Math.max(progress.done / Math.max(progress.total, 1), 1e-9);
      const stageSeconds = (nowMs - stageMs) / 1_000;
      // Of the first moments of a stage nothing can be told.
      const isEarly = nowMs - stageMs < redrawMs;
      const left = isEarly ? "" : `, ${duration(stageSeconds * (1 / share - 1))} left`;
      terminal.err(`\r\u001b[K${doing}: ${counted(progress)}${left}`);
    },
    clear() {
      if (isDrawn) terminal.err("\r\u001b[K");
      isDrawn = false;
    },
  };
}
