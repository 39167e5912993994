// `varft eval`: from a configuration to a run, and from its events to tables.
export { evalFacts } from "./facts.ts";
export { EvaluationItems } from "./items.ts";
export { writePredictions } from "./predictions.ts";
export { benchmarksJson, type SetSummary, summarizeSets } from "./summary.ts";
export { evaluationLines } from "./view.ts";
