// What Visual-ARFT's paper prints, as data.
export type { PaperColumn, PaperRow, PaperTable } from "./results.ts";
export { benchmarkItems, paperTables } from "./results.ts";
