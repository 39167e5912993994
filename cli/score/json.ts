// The score as JSON. Keys are stable: scripts read them.
import type { Comparison, Difference, ItemPair } from "./compare.ts";
import type { Mode, ScoredItem } from "./items.ts";
import type { GroupScore, ScoreReport } from "./report.ts";

/** `{"n","f1","em","splits","kinds","unanswered", …}`: percentages 0–100. */
export function scoreJson(
  report: ScoreReport,
  mode: Mode,
  comparison: Comparison | null,
): Readonly<Record<string, unknown>> {
  const { source, seed, groups, causes, corrections, repeats } = report;
  const level = (wanted: GroupScore["level"]) =>
    Object.fromEntries(
      groups
        .filter((group) => group.level === wanted)
        .map((group) => [group.label, groupJson(group, mode)]),
    );
  return {
    file: source.file,
    format: source.format,
    benchmark: source.benchmark,
    mode,
    ...level("all")["all"],
    splits: level("split"),
    kinds: level("kind"),
    unansweredCauses: Object.fromEntries(causes),
    rulesAlone: Object.fromEntries(corrections.map(({ rule, f1, em }) => [rule, { f1, em }])),
    repeated: repeats,
    missing: source.missing,
    badRows: source.bad,
    seed,
    ...(comparison === null ? {} : { compare: comparisonJson(comparison) }),
  };
}

function groupJson(group: GroupScore, mode: Mode) {
  const { n, unanswered } = group;
  const other = mode === "reference" ? "corrected" : "reference";
  return {
    n,
    ...group[mode],
    unanswered: (100 * unanswered) / n,
    unansweredItems: unanswered,
    [other]: group[other],
  };
}

function comparisonJson(comparison: Comparison): Readonly<Record<string, unknown>> {
  const { second, groups, differing, onlyInFirst, onlyInSecond, mode } = comparison;
  const [all, ...splits] = groups.map(({ label, n, f1, em, onlyFirst, onlySecond }) => ({
    label,
    figures: { n, f1: differenceJson(f1), em: differenceJson(em), onlyFirst, onlySecond },
  }));
  return {
    file: second.source.file,
    ...all?.figures,
    splits: Object.fromEntries(splits.map(({ label, figures }) => [label, figures])),
    onlyInFirst,
    onlyInSecond,
    badRows: comparison.bad,
    differing: differing.map((pair) => pairJson(pair, mode)),
  };
}

function differenceJson({ first, second, difference, interval, p, test }: Difference) {
  return { first, second, difference, interval, p, test };
}

function pairJson({ first, second }: ItemPair, mode: Mode) {
  const { key, query, golds } = first.row;
  const side = ({ row, [mode]: { f1, em } }: ScoredItem) => ({
    item: row.item,
    answer: row.answer,
    f1: 100 * f1,
    em: 100 * em,
  });
  return { key, query, golds, first: side(first), second: side(second) };
}
