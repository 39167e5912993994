// How far a command is through the steps of a run: a line that is drawn anew while a person looks.
import type { CommandContext } from "../command.ts";
import { clock } from "../text/index.ts";

export interface StepLine {
  /** @param step the latest that is done @param steps in all */
  draw(step: number, steps: number): void;
  clear(): void;
}

export function stepLine({ terminal, json, now }: CommandContext): StepLine {
  const isShown = terminal.isTty && !json;
  const startedMs = now();
  let drawn = false;
  return {
    draw(step, steps) {
      if (!isShown) return;
      drawn = true;
      const seconds = (now() - startedMs) / 1_000;
      const left = step > 0 ? `, about ${clock((seconds / step) * (steps - step))} left` : "";
      terminal.err(`\r\u001b[Kstep ${step} of ${steps}${left}`);
    },
    clear() {
      if (drawn) terminal.err("\r\u001b[K");
    },
  };
}
