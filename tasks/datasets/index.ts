// Dataset files, from text to rows.
export type { BadDatasetRow, Read, ReadOptions, RowsGiven } from "./read.ts";
export type { DatasetImage, DatasetRow, FieldMapping, RowOptions, TeacherStep } from "./rows.ts";
export { parseRows } from "./rows.ts";
export type { StepKind, TrainingStep } from "./steps.ts";
export { parseSteps, stepTasks, tasksOfSteps } from "./steps.ts";
