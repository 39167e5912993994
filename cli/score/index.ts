// `varft score`: from a file of predictions to what is said of it.
export { compareReports } from "./compare.ts";
export { modes } from "./items.ts";
export { scoreJson } from "./json.ts";
export { type ScoreReport, scoreReport } from "./report.ts";
export { scoreLines } from "./view.ts";
