// `varft model export RUN -o DIR`: a policy of a run, in the form that others read.
import type { Command } from "../../command.ts";
import { findPolicy } from "../../evidence/index.ts";
import { withRun } from "../../run/index.ts";
import { shortHash } from "../../text/index.ts";
import { wholeNumber } from "../../words/index.ts";
import { writePolicy } from "./run-policy.ts";
import { writingProgress } from "./writing-progress.ts";
import { roundingNote, writingType, writingTypeArg } from "./writing-type.ts";

const stepMax = 1_000_000;
/** A server that leaves half of an adapter out is the silent wrongness that users know best. */
const towerNote =
  "It adapts the vision tower, too: vLLM leaves that part out unless it is started with\n" +
  "--enable-tower-connector-lora. A run with tune.vision = false has no such part.\n";

export const exportPolicy: Command = {
  name: "export",
  about: "Write a run's policy as a PEFT adapter or a whole checkpoint",
  args: {
    run: { type: "positional", description: "Name of the run" },
    step: {
      type: "string",
      valueHint: "N",
      description: "After step N; 0: the start (default: last)",
    },
    out: { type: "string", alias: "o", valueHint: "DIR", description: "New folder (required)" },
    base: { type: "string", valueHint: "DIR", description: "Where the run's checkpoint is now" },
    ...writingTypeArg,
  },
  examples: ["varft model export RUN -o adapter", "varft model export RUN --step 40 -o policy-40"],
  async run(words, { terminal, json, runs, signal, now }) {
    const run = words.required("run");
    const out = words.required("out");
    const dtype = writingType(words);
    const step =
      words.text("step") === undefined
        ? null
        : wholeNumber(words, "step", 0, { min: 0, max: stepMax });
    const base = words.text("base") ?? null;
    const progress = writingProgress(`writing ${out}`, terminal, now);
    const written = await withRun(runs, run, async (reader, name) => {
      const policy = await findPolicy(reader, name, step);
      return progress.over((onProgress) =>
        writePolicy(policy, out, { base, dtype, onProgress, signal }),
      );
    });
    const seconds = progress.seconds();
    if (json) {
      const result = { type: "result", ...written, output: out, wallSeconds: seconds };
      terminal.out(`${JSON.stringify(result)}\n`);
    } else {
      const what = written.form === "adapter" ? "a LoRA adapter (PEFT) on" : "a checkpoint like";
      terminal.out(
        `${out} is the policy of ${run} after step ${written.step}, ${what} ${written.base}.\n` +
          `policy ${shortHash(written.policy)}, its hash verified against the ledger\n` +
          `${roundingNote(written.types)}${written.adaptsTower ? towerNote : ""}`,
      );
    }
    return 0;
  },
};
