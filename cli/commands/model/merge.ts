// `varft model merge BASE ADAPTER -o DIR`: a checkpoint that needs its adapter no more.
import { mergeAdapter } from "../../../model/index.ts";
import type { Command } from "../../command.ts";
import { duration } from "../../text/index.ts";
import { writingProgress } from "./writing-progress.ts";
import { roundingNote, writingType, writingTypeArg } from "./writing-type.ts";

export const merge: Command = {
  name: "merge",
  about: "Melt a LoRA adapter into its checkpoint",
  args: {
    base: { type: "positional", description: "Folder of the checkpoint" },
    adapter: { type: "positional", description: "Folder of the adapter (PEFT)" },
    out: { type: "string", alias: "o", valueHint: "DIR", description: "New folder (required)" },
    ...writingTypeArg,
  },
  examples: ["varft model merge models/tiny my-adapter -o merged"],
  async run(words, { terminal, json, signal, now }) {
    const [base, adapter] = [words.required("base"), words.required("adapter")];
    const out = words.required("out");
    const dtype = writingType(words);
    const progress = writingProgress(`writing ${out}`, terminal, now);
    const merged = await progress.over((onProgress) =>
      mergeAdapter(base, adapter, out, { dtype, onProgress, signal }),
    );
    const seconds = progress.seconds();
    if (json) {
      const result = { type: "result", base, adapter, output: out, dtype, ...merged };
      terminal.out(`${JSON.stringify({ ...result, wallSeconds: seconds })}\n`);
    } else {
      const layers = `${merged.layers} layers of ${adapter}`;
      terminal.out(`${out} is ${base} with ${layers} merged, in ${duration(seconds)}.\n`);
      terminal.out(roundingNote(merged.types));
    }
    return 0;
  },
};
