// The figures that Visual-ARFT prints (arXiv 2505.14246, tables 1 to 4), as they stand there: F1
// and exact match in percent, by the rules of its own evaluation. One run each, no variance.

/** A benchmark, and which of its items. */
export type PaperColumn =
  | `mat-${"coding" | "search"}/${"simple" | "hard" | "all"}`
  | `${"2wikimultihopqa" | "hotpotqa" | "musique" | "bamboogle"}/all`;

/** F1 and exact match; F1 is null where the paper tells exact match alone. */
export type PaperFigure = readonly [f1: number | null, em: number];

export interface PaperRow {
  readonly model: string;
  readonly how: "tools" | "direct" | "cot" | "rag" | "other";
  readonly figures: Partial<Readonly<Record<PaperColumn, PaperFigure>>>;
  /** What is odd about the row. */
  readonly note?: string;
}

export interface PaperTable {
  readonly table: number;
  readonly title: string;
  readonly columns: readonly PaperColumn[];
  readonly rows: readonly PaperRow[];
}

const coding = ["mat-coding/simple", "mat-coding/hard", "mat-coding/all"] as const;
const search = ["mat-search/simple", "mat-search/hard", "mat-search/all"] as const;
const text = ["2wikimultihopqa/all", "hotpotqa/all", "musique/all", "bamboogle/all"] as const;

/** Figures in the order of the columns: `47.12/38.57`, or `25.00` for exact match alone. */
function row(
  columns: readonly PaperColumn[],
  model: string,
  how: PaperRow["how"],
  printed: string,
  note?: string,
): PaperRow {
  const figures = printed.split(" ").map((cell): PaperFigure => {
    const [f1, em] = cell.split("/").map(Number) as [number, number?];
    return em === undefined ? [null, f1] : [f1, em];
  });
  const placed = Object.fromEntries(columns.map((column, at) => [column, figures[at]]));
  return { model, how, figures: placed, ...(note !== undefined && { note }) };
}

const mat = [...coding, ...search];
const sixtyItems = "MAT-Coding: the figures fit 60 items (26 simple, 34 hard) and not 200";

/** Table 1: both MAT benchmarks. */
const table1: readonly PaperRow[] = [
  row(
    mat,
    "GPT-4o",
    "direct",
    "47.12/38.57 27.57/15.38 34.41/23.5 68.55/61.33 53.61/42.67 61.08/52.00",
  ),
  row(
    mat,
    "OpenAI-o3",
    "tools",
    "70.38/65.38 75.00/70.59 72.99/68.33 79.72/70.67 63.74/52.00 71.73/61.33",
    sixtyItems,
  ),
  row(
    mat,
    "LLaVA-v1.5-7B",
    "direct",
    "19.50/12.86 9.30/5.38 12.87/8.00 56.55/52.00 30.32/25.33 43.44/38.67",
  ),
  row(
    mat,
    "LLaVA-Next-7B",
    "direct",
    "30.78/17.14 17.11/10.00 21.89/12.5 63.27/56.00 38.75/29.33 51.01/42.67",
  ),
  row(
    mat,
    "LLaVA-OneVision-7B",
    "direct",
    "39.86/28.57 16.05/11.54 24.38/17.5 61.78/54.67 31.66/26.67 46.72/40.67",
  ),
  row(
    mat,
    "XComposer2.5",
    "direct",
    "36.06/22.86 19.90/10.77 25.56/15.0 60.16/54.67 31.93/28.00 46.04/41.33",
  ),
  row(
    mat,
    "InternVL2.5-8B",
    "direct",
    "39.48/28.57 26.62/13.85 31.12/19.00 61.72/53.33 41.69/33.33 51.70/43.33",
  ),
  row(
    mat,
    "Qwen2.5-VL-3B",
    "direct",
    "46.29/35.71 17.98/13.85 27.89/21.50 57.54/50.67 33.11/26.67 45.32/38.67",
  ),
  row(
    mat,
    "Visual-ARFT 3B",
    "tools",
    "49.78/40.00 28.42/13.08 35.90/22.50 56.41/50.67 45.55/36.00 50.98/43.33",
    "MAT-Search: the published predictions give 53.70/46.00",
  ),
  row(
    mat,
    "Qwen2.5-VL-7B",
    "direct",
    "55.23/40.00 19.67/11.54 32.12/21.50 67.40/61.33 39.59/32.00 53.49/46.67",
  ),
  row(
    mat,
    "Visual-ARFT 7B",
    "tools",
    "60.10/51.43 45.60/25.38 50.68/34.50 71.78/66.67 55.77/44.00 63.77/55.33",
  ),
];

/** Table 2: questions without images. Its averages are left out: one of them is misprinted. */
const table2: readonly PaperRow[] = [
  row(text, "Qwen2.5-7B-Instruct", "direct", "25.00 18.30 3.10 12.00"),
  row(text, "Qwen2.5-7B-Instruct", "cot", "11.00 9.20 2.20 23.20"),
  row(text, "Qwen2.5-7B-Instruct, IRCoT", "other", "14.90 13.30 7.20 22.40"),
  row(text, "Qwen2.5-7B-Instruct", "rag", "23.50 29.90 5.80 20.80"),
  row(text, "Search-o1", "other", "17.60 18.70 5.80 29.60"),
  row(text, "Search-R1", "other", "41.40 37.00 14.60 36.80"),
  row(text, "ZeroSearch", "other", "43.12 29.21 19.72 35.20"),
  row(text, "Qwen2.5-VL-3B", "direct", "31.60/26.40 22.90/15.84 9.64/2.36 10.82/5.60"),
  row(text, "Qwen2.5-VL-3B", "rag", "35.14/26.92 35.08/23.67 15.08/7.61 28.37/19.20"),
  row(text, "Visual-ARFT 3B", "tools", "49.77/39.13 41.33/30.10 19.10/11.58 49.01/38.40"),
  row(text, "Qwen2.5-VL-7B", "direct", "27.90/22.15 25.35/17.35 9.45/2.61 14.07/5.60"),
  row(text, "Qwen2.5-VL-7B", "rag", "31.58/21.74 36.33/24.09 15.36/7.61 27.60/19.20"),
  row(text, "Visual-ARFT 7B", "tools", "63.09/51.99 48.00/36.48 22.71/14.07 60.15/48.80"),
];

/** Table 3: the reward that it was trained by. */
const table3: readonly PaperRow[] = [
  row(
    mat,
    "Visual-ARFT 7B, exact match as reward",
    "tools",
    "53.50/45.71 43.00/23.85 46.68/31.50 59.23/53.33 53.37/41.33 56.30/47.33",
  ),
];

/** Table 4: MAT-Search without tools. Its direct rows are those of table 1. */
const table4: readonly PaperRow[] = [
  row(search, "Qwen2.5-VL-3B", "cot", "37.84/30.67 31.03/24.00 34.43/27.33"),
  row(search, "Qwen2.5-VL-3B", "rag", "49.42/45.33 39.07/32.00 44.25/38.67"),
  row(search, "Qwen2.5-VL-7B", "cot", "57.57/49.33 46.65/32.00 52.11/40.67"),
  row(search, "Qwen2.5-VL-7B", "rag", "59.14/56.00 42.44/36.00 50.79/46.00"),
];

/** The tables, their columns in the paper's order. */
export const paperTables: readonly PaperTable[] = [
  { table: 1, title: "MAT-Coding and MAT-Search", columns: mat, rows: table1 },
  { table: 2, title: "text multi-hop questions", columns: [...text], rows: table2 },
  { table: 3, title: "another reward", columns: mat, rows: table3 },
  { table: 4, title: "MAT-Search without tools", columns: [...search], rows: table4 },
];

/** Items of the whole benchmarks, as published. */
export const benchmarkItems: Readonly<Record<string, number>> = {
  "mat-coding": 200,
  "mat-search": 150,
  "2wikimultihopqa": 12_576,
  hotpotqa: 7_405,
  musique: 2_417,
  bamboogle: 125,
};
