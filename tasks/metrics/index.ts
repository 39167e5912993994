// How well an answer matches its golds.
export type { MetricRules } from "./rules.ts";
export { metricRules } from "./rules.ts";
export { exactMatch, f1, normalize } from "./score.ts";
