// A comparison for people: one row per metric, over all and by split.

import type { Colors } from "../terminal.ts";
import { type Align, tableLines } from "../text/index.ts";
import type { Comparison, Difference } from "./compare.ts";
import type { ScoreReport } from "./report.ts";
import { point, signed } from "./words.ts";

/** The lines of `comparison`, whose first file is that of `report`. */
export function comparisonLines(
  report: ScoreReport,
  comparison: Comparison,
  { bold, dim }: Colors,
): readonly string[] {
  const { groups, second, mode } = comparison;
  const rows = groups.flatMap(({ label, n, f1, em }) => [
    [`  ${label}`, String(n), "F1", ...cells(f1)],
    ["", "", "EM", ...cells(em)],
  ]);
  const header = ["", "n", "", "A", "B", "B − A", "[95 %]", "p"];
  const align: readonly Align[] = header.map((_, at) => (at < 1 || at === 2 ? "left" : "right"));
  const [head = "", ...body] = tableLines(header, rows, align);
  return [
    bold("A against B, paired by item") + dim(`  (${mode})`),
    `  A  ${report.source.file}`,
    `  B  ${second.source.file}`,
    "",
    dim(head),
    ...body,
    "",
    ...tail(comparison),
    dim("p, two-sided: F1 by sign-flip permutation, EM by McNemar's exact test."),
  ];
}

function cells({ first, second, difference, interval, p }: Difference): readonly string[] {
  const [low, high] = interval.map(signed);
  return [
    point(first),
    point(second),
    signed(difference),
    `[${low} to ${high}]`,
    p < 0.0001 ? "<0.0001" : p.toFixed(4),
  ];
}

function tail({
  groups,
  differing,
  onlyInFirst,
  onlyInSecond,
  bad,
}: Comparison): readonly string[] {
  const { onlyFirst = 0, onlySecond = 0 } = groups[0] ?? {};
  const alone = onlyInFirst.length + onlyInSecond.length;
  return [
    `Exactly right in A alone ${onlyFirst}, in B alone ${onlySecond}; ` +
      `another score: ${differing.length} (--json lists them)`,
    ...(alone > 0
      ? [`Not compared: ${onlyInFirst.length} in A alone, ${onlyInSecond.length} in B alone`]
      : []),
    ...(bad.length > 0 ? [`Bad rows of B, left out: ${bad.length}`] : []),
  ];
}
