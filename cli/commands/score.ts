// `varft score FILE`: predictions scored anew, by the reference's rules and by corrected ones.
import { readFile } from "node:fs/promises";
import {
  PredictionFileError,
  type PredictionFormat,
  predictionFormats,
  readPredictions,
} from "../../tasks/index.ts";
import type { Command, Words } from "../command.ts";
import { UsageError } from "../errors.ts";
import { exitCodes } from "../exit.ts";
import {
  compareReports,
  modes,
  type ScoreReport,
  scoreJson,
  scoreLines,
  scoreReport,
} from "../score/index.ts";
import { wholeNumber } from "../words/index.ts";

const seedMax = 2 ** 32 - 1;

export const score: Command = {
  name: "score",
  about: "Score a file of predictions anew, or compare two of them",
  args: {
    file: { type: "positional", description: "Predictions of Visual-ARFT: a JSON array or lines" },
    format: {
      type: "string",
      valueHint: "NAME",
      description: `${predictionFormats.join(" or ")} (default: told by the rows)`,
    },
    mode: {
      type: "string",
      valueHint: "NAME",
      description: `${modes.join(" or ")} (default: ${modes[0]}): whose rules come first`,
    },
    compare: { type: "string", valueHint: "FILE2", description: "Predictions for the same items" },
    seed: { type: "string", valueHint: "N", description: "Seed of the resamples (default: 0)" },
    "allow-bad-rows": { type: "boolean", description: "Leave bad rows out and count them" },
  },
  examples: [
    "varft score 7b_mat_coding.json",
    "varft score 7b_step200_bamboogle.json --mode reference --json",
    "varft score new.json --format visual-arft-search --compare old.json",
  ],
  async run(words, { terminal, json }) {
    const mode = oneOf(words, "mode", modes) ?? "corrected";
    const report = await reportOf(words.required("file"), words);
    const other = words.text("compare");
    const second = other === undefined ? null : await reportOf(other, words);
    const comparison = second === null ? null : compareReports(report, second, mode);
    if (json) terminal.out(`${JSON.stringify(scoreJson(report, mode, comparison))}\n`);
    else terminal.out(`${scoreLines(report, mode, comparison, terminal.colors).join("\n")}\n`);
    return exitCodes.done;
  },
};

async function reportOf(file: string, words: Words): Promise<ScoreReport> {
  const format: PredictionFormat | null = oneOf(words, "format", predictionFormats);
  const seed = wholeNumber(words, "seed", 0, { min: 0, max: seedMax });
  const text = await readFile(file, "utf8").catch((cause) => {
    throw new PredictionFileError(`cannot read the predictions ${file}: ${cause.message}`, {
      cause,
    });
  });
  const allowBadRows = words.flag("allow-bad-rows");
  return scoreReport(readPredictions(file, text, { format, allowBadRows }), seed);
}

/** The flag's word, one of `choices`; null where it was not given. @throws {UsageError} */
function oneOf<Choice extends string>(
  words: Words,
  flag: string,
  choices: readonly Choice[],
): Choice | null {
  const given = words.text(flag);
  if (given === undefined) return null;
  const choice = choices.find((one) => one === given);
  if (choice !== undefined) return choice;
  throw new UsageError(`--${flag} is ${choices.join(" or ")}, not "${given}"`);
}
