// Goal: the published predictions of Visual-ARFT score as its paper prints them.
// Method: VARFT_VISUAL_ARFT names a folder that holds some of the fourteen files (folder
// `evaluation_results` of its repository, or files of its own names without the steps). They are
// for research only and not part of this project; without them there is nothing to check.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { varft } from "../fake-terminal.ts";

const test = suite("cli/score-published");
const folder = process.env["VARFT_VISUAL_ARFT"];

type Figures = readonly [f1: string, em: string];

interface Published {
  readonly name: RegExp;
  readonly n: number;
  readonly all: Figures;
  readonly simple?: Figures;
  readonly hard?: Figures;
  readonly kinds?: Readonly<Record<string, Figures>>;
  readonly unanswered?: number;
}

const coding = (size: string, version = "") =>
  new RegExp(`(?:^|/)${size}_mat_coding(?:_grpo_step1400)?${version}\\.json$`);
const search = (size: string, set: string) =>
  new RegExp(`(?:^|/)${size}(?:_step200)?_${set}(?:_web_n4)?\\.json$`);

/** As the paper has them, or as its code gives them where the paper has none. */
const published: readonly Published[] = [
  {
    name: coding("7b"),
    n: 200,
    all: ["50.67", "34.50"],
    simple: ["60.10", "51.43"],
    hard: ["45.60", "25.38"],
    kinds: { pairs: ["37.54", "30.00"], crop: ["49.18", "23.33"] },
    unanswered: 0,
  },
  {
    name: coding("3b"),
    n: 200,
    all: ["35.90", "22.50"],
    simple: ["49.78", "40.00"],
    hard: ["28.42", "13.08"],
    kinds: { pairs: ["33.03", "25.00"], crop: ["26.37", "7.78"] },
  },
  { name: coding("3b", "_v2"), n: 200, all: ["36.52", "23.00"] },
  { name: coding("7b", "_v2"), n: 200, all: ["50.87", "35.00"] },
  {
    name: search("7b", "mat_search"),
    n: 150,
    all: ["63.77", "55.33"],
    simple: ["71.78", "66.67"],
    hard: ["55.77", "44.00"],
    unanswered: 5,
  },
  {
    name: search("3b", "mat_search"),
    n: 150,
    all: ["53.70", "46.00"],
    simple: ["59.64", "54.67"],
    hard: ["47.75", "37.33"],
    unanswered: 8,
  },
  { name: search("3b", "bamboogle"), n: 125, all: ["49.01", "38.40"], unanswered: 5 },
  { name: search("7b", "bamboogle"), n: 125, all: ["60.15", "48.80"] },
  { name: search("3b", "musique"), n: 2_417, all: ["19.10", "11.58"], unanswered: 479 },
  { name: search("7b", "musique"), n: 2_417, all: ["22.71", "14.07"], unanswered: 215 },
  { name: search("3b", "hotpotqa"), n: 7_405, all: ["41.33", "30.10"], unanswered: 870 },
  { name: search("7b", "hotpotqa"), n: 7_405, all: ["48.01", "36.48"], unanswered: 779 },
  { name: search("3b", "2wiki"), n: 12_576, all: ["49.77", "39.13"], unanswered: 626 },
  { name: search("7b", "2wiki"), n: 12_576, all: ["63.09", "51.99"], unanswered: 754 },
];

const twoDecimals = ({ f1, em }: { readonly f1: number; readonly em: number }): Figures => [
  f1.toFixed(2),
  em.toFixed(2),
];

const files = folder === undefined ? [] : (readdirSync(folder, { recursive: true }) as string[]);

for (const { name, n, all, simple, hard, kinds, unanswered } of published) {
  const file = files.find((path) => name.test(path));
  if (folder === undefined || file === undefined) {
    const reason = folder === undefined ? "VARFT_VISUAL_ARFT names no folder" : `not in ${folder}`;
    test.skip(`${name.source} (${reason})`);
    continue;
  }
  test(`${file} gives ${all.join("/")}`, async () => {
    const { code, out, err } = await varft(
      "score",
      join(folder, file),
      "--mode=reference",
      "--json",
    );
    assert.is(code, 0, err);
    const score = JSON.parse(out);
    assert.is(score.n, n);
    assert.equal(twoDecimals(score), all);
    for (const [split, figures] of Object.entries({ simple, hard })) {
      if (figures !== undefined) assert.equal(twoDecimals(score.splits[split]), figures, split);
    }
    for (const [kind, figures] of Object.entries(kinds ?? {})) {
      assert.equal(twoDecimals(score.kinds[kind]), figures, kind);
    }
    if (unanswered !== undefined) assert.is(score.unansweredItems, unanswered);
  });
}

test.run();
