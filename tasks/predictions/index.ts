// Files of predictions: what a model answered to the items of a benchmark.
export { answerIn } from "./answer.ts";
export type { PredictionFormat } from "./format.ts";
export { predictionFormats } from "./format.ts";
export type { Benchmark, PlacedPrediction } from "./layout.ts";
export type { PredictionFile, ReadPredictionsOptions } from "./read.ts";
export { readPredictions } from "./read.ts";
export type { BadRow } from "./row.ts";
