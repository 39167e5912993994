// `varft diff A B`: where two runs part, and what differs between them.
import { diffRuns, type RunDiff } from "../../replay/index.ts";
import type { Command } from "../command.ts";
import { exitCodes } from "../exit.ts";
import { type RunLog, readRun, stepFigures, withRun } from "../run/index.ts";
import type { Colors } from "../terminal.ts";
import { short, tableLines } from "../text/index.ts";

/** A figure that both runs have, or one of them. */
interface NumberPair {
  readonly name: string;
  readonly a: number | null;
  readonly b: number | null;
}

export const diff: Command = {
  name: "diff",
  about: "Two runs beside each other: the first event where they part, settings, figures",
  args: {
    a: { type: "positional", description: "Name of a run" },
    b: { type: "positional", description: "Name of another run" },
  },
  examples: ["varft diff quickstart-1 quickstart-2"],
  async run(words, { terminal, json, runs }) {
    const [a, b] = [words.required("a"), words.required("b")];
    const found = await withRun(runs, a, (left, runA) =>
      withRun(runs, b, (right, runB) =>
        diffRuns({ reader: left, run: runA }, { reader: right, run: runB }),
      ),
    );
    const whole = { whole: true };
    const logs = [
      (await readRun(runs, a, whole)).log,
      (await readRun(runs, b, whole)).log,
    ] as const;
    const numbers = numbersOf(...logs);
    if (json) terminal.out(`${JSON.stringify({ a, b, ...found, numbers })}\n`);
    else terminal.out(`${lines(a, b, found, numbers, terminal.colors).join("\n")}\n`);
    return found.equal ? exitCodes.done : exitCodes.verification;
  },
};

/** The figures that differ: of the evaluations by name, and of the last step that both learned. */
function numbersOf(a: RunLog, b: RunLog): NumberPair[] {
  const [left, right] = [evaluationsOf(a), evaluationsOf(b)];
  const common = Math.min(a.stepsLearned, b.stepsLearned);
  const [stepA, stepB] = [stepOf(a, common), stepOf(b, common)];
  const pairs = [...new Set([...left.keys(), ...right.keys()])].map((name) => ({
    name,
    a: left.get(name) ?? null,
    b: right.get(name) ?? null,
  }));
  const steps = [...stepA].map(([name, value]) => ({
    name: `step ${common}: ${name}`,
    a: value,
    b: stepB.get(name) ?? null,
  }));
  const counts = { name: "steps learned", a: a.stepsLearned, b: b.stepsLearned };
  return [counts, ...pairs, ...steps].filter((pair) => pair.a !== pair.b);
}

function evaluationsOf(log: RunLog): Map<string, number> {
  return new Map(
    [...log.evaluations.values()].flatMap(({ name, moment, summary }) => {
      if (summary === null) return [];
      const label = `${name}, ${moment}`;
      return [
        [`${label}: exact match %`, summary.em],
        [`${label}: F1 %`, summary.f1],
      ] as const;
    }),
  );
}

function stepOf(log: RunLog, step: number): Map<string, number> {
  const figures = stepFigures(log, step);
  if (figures === null) return new Map();
  const { reward, em, tokens, loss, entropy, klOld, gradientNorm } = figures;
  return new Map(Object.entries({ reward, em, tokens, loss, entropy, klOld, gradientNorm }));
}

function lines(
  a: string,
  b: string,
  { partsAt, policies, settings }: RunDiff,
  numbers: readonly NumberPair[],
  colors: Colors,
): string[] {
  const table = (rows: readonly (readonly string[])[]) =>
    rows.length === 0 ? [] : [...tableLines(["", a, b], rows), ""];
  const cell = (value: number | null) => (value === null ? "–" : short(value));
  const place = (event: { readonly seq: number } | null) => (event ? `event ${event.seq}` : "–");
  const parting =
    partsAt === null
      ? colors.green("equal: every policy, and every event that counts for the result.")
      : colors.red(
          `they part at ${partsAt.stream} #${partsAt.streamSeq} ` +
            `(${place(partsAt.a)}, ${place(partsAt.b)}): ${partsAt.reason}`,
        );
  return [
    ...table(settings.map(({ key, a: left, b: right }) => [key, left, right])),
    ...table(numbers.map(({ name, a: left, b: right }) => [name, cell(left), cell(right)])),
    `the first ${policies.equal} policies are equal (of ${policies.a} and ${policies.b})`,
    parting,
  ];
}
