// `varft sft`: a checkpoint from seeded demonstrations.
import { loadWarmupConfig } from "../../config/index.ts";
import type { Command } from "../command.ts";
import type { WarmupProgress } from "../session/index.ts";
import type { Terminal } from "../terminal.ts";
import { clock, short } from "../text/index.ts";
import { overridesOf } from "./train.ts";

/** Where nobody looks, a line is written every so many steps. */
const stepsPerLine = 100;

export const sft: Command = {
  name: "sft",
  about: "Make a small checkpoint from seeded demonstrations",
  args: {
    config: { type: "positional", description: "TOML file of a warm start" },
    set: { type: "string", valueHint: "KEY=VALUE", description: "Another value; repeatable" },
  },
  async run(words, { terminal, json, now, signal }) {
    const { warmUp } = await import("../session/index.ts");
    const config = await loadWarmupConfig(words.required("config"), overridesOf(words));
    const startedMs = now();
    const seconds = () => (now() - startedMs) / 1_000;
    const onProgress = (progress: WarmupProgress) => tell(terminal, json, progress, seconds());
    const policy = await warmUp(config, { onProgress, signal });
    const steps = config.perception.steps + config.protocol.steps;
    const wallSeconds = Math.round(10 * seconds()) / 10;
    const { output } = config;
    if (json) {
      const result = { type: "result", run: null, policy, steps, wallSeconds, output, eval: null };
      terminal.out(`${JSON.stringify(result)}\n`);
    } else {
      terminal.out(`${output} is made in ${clock(wallSeconds)}: ${policy}\n`);
    }
    return 0;
  },
};

function tell(terminal: Terminal, json: boolean, progress: WarmupProgress, seconds: number): void {
  const { stage, step, steps, loss } = progress;
  if (!terminal.isTty && step % stepsPerLine !== 0 && step !== steps) return;
  if (json) {
    terminal.out(`${JSON.stringify({ type: "warmup", ...progress })}\n`);
    return;
  }
  const line = `${stage} ${step}/${steps}  loss ${short(loss)}  ${clock(seconds)}`;
  const ending = step === steps || !terminal.isTty ? "\n" : "";
  terminal.out(terminal.isTty ? `\r\u001b[2K${line}${ending}` : `${line}${ending}`);
}
