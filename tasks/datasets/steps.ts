// The official training rows: trajectories of a teacher, cut into steps. Each row shows an image
// and what was said so far, and holds what comes next.
import { z } from "zod";
import {
  fit,
  type Read,
  type ReadOptions,
  RowFault,
  type RowsGiven,
  readEach,
  type SourceRow,
} from "./read.ts";
import type { DatasetRow } from "./rows.ts";

/** The action that a step is to take. */
export type StepKind = "problem" | "code" | "search" | "answer";

/** One step of a teacher's trajectory. */
export interface TrainingStep {
  /** Steps of one trajectory have the same. */
  readonly trajectory: string;
  readonly task: "coding" | "search";
  readonly kind: StepKind;
  readonly image: string;
  /** The question in its tag; search rows have the chain so far behind it. null: not repeated. */
  readonly problem: string | null;
  /** What was said so far, in coding rows after the first. */
  readonly context: string | null;
  /** The action alone, in its tag. */
  readonly solution: string;
  /** The thought and the action; search rows have none. */
  readonly demonstration: string | null;
  readonly line: number;
}

const codingSchema = z.object({
  type: z.enum(["pre_problem", "pre_code", "pre_answer"]),
  image_path: z.string(),
  problem: z.string().nullish(),
  context: z.string().nullish(),
  solution: z.string(),
  gt: z.string().nullish(),
});

const searchSchema = z.object({
  image_path: z.string(),
  problem: z.string(),
  solution: z.string(),
});

const solutionPattern = /^\s*<(?<tag>problem|code|search|answer)>(?<body>.*)<\/\k<tag>>\s*$/s;
const queryPattern = /<query>(?<query>.*?)<\/query>/s;
/** `overexposure_60_proc.png`: the spoilt image; `_ori`: the clean one. */
const variantPattern = /_(?:proc|ori)(?:\.\w+)?$/;

/**
 * Reads training rows of both tasks.
 * @throws {DatasetRowError} file and line
 */
export function parseSteps(
  file: string,
  given: RowsGiven,
  options: ReadOptions = {},
): Read<TrainingStep> {
  const read = (source: SourceRow) => ("type" in source.value ? coding(source) : search(source));
  return readEach(file, given, read, options);
}

function coding(source: SourceRow): TrainingStep {
  const row = fit(codingSchema, source);
  const { tag } = actionOf(row.solution);
  if (`pre_${tag}` !== row.type)
    throw new RowFault(`key "solution": <${tag}> in a ${row.type} row`);
  if (row.type === "pre_problem" && typeof row.problem !== "string") {
    throw new RowFault('key "problem": is missing in a pre_problem row');
  }
  return {
    trajectory: row.image_path.replace(variantPattern, ""),
    task: "coding",
    kind: tag,
    image: row.image_path,
    problem: row.problem ?? null,
    context: row.context ?? null,
    solution: row.solution,
    demonstration: row.gt ?? null,
    line: source.line,
  };
}

function search(source: SourceRow): TrainingStep {
  const { image_path: image, problem, solution } = fit(searchSchema, source);
  const { tag } = actionOf(solution);
  if (tag !== "search" && tag !== "answer") {
    throw new RowFault(`key "solution": <${tag}> in a search row`);
  }
  return {
    trajectory: `${image} ${questionOf(problem)}`,
    task: "search",
    kind: tag,
    image,
    problem,
    context: null,
    solution,
    demonstration: null,
    line: source.line,
  };
}

function actionOf(solution: string): { readonly tag: StepKind; readonly body: string } {
  const groups = solutionPattern.exec(solution)?.groups;
  if (groups === undefined) throw new RowFault('key "solution": is no action in its tag');
  return { tag: groups["tag"] as StepKind, body: groups["body"] ?? "" };
}

/** The question without its tag. */
function questionOf(problem: string): string {
  return (queryPattern.exec(problem)?.groups?.["query"] ?? problem).trim();
}

/**
 * The questions behind the steps, for an agent that plays whole trajectories itself: the first
 * image and the question, the teacher's final answer as the gold, its diagnosis as the kind.
 * @returns rows in the order of the file; `bad` are trajectories without a question or an answer,
 * named by the line of their first step
 */
export function tasksOfSteps(steps: readonly TrainingStep[]): Read<DatasetRow> {
  const trajectories = trajectoriesOf(steps);
  const rows: DatasetRow[] = [];
  const bad: Read<DatasetRow>["bad"][number][] = [];
  for (const [trajectory, members] of trajectories) {
    const row = taskOf(trajectory, members);
    const line = members[0]?.line ?? 1;
    if (row === null) bad.push({ line, reason: `${trajectory} has no question or no answer` });
    else rows.push(row);
  }
  return { rows, bad };
}

/**
 * Each step as a task of its own, as the reference trains: the prompt with what the teacher said so
 * far, its action as what is wanted. A step that does not repeat the question gets its
 * trajectory's.
 * @returns rows in the order of the file; `bad` are steps without a question
 */
export function stepTasks(steps: readonly TrainingStep[]): Read<DatasetRow> {
  const trajectories = trajectoriesOf(steps);
  const rows: DatasetRow[] = [];
  const bad: Read<DatasetRow>["bad"][number][] = [];
  for (const step of steps) {
    const members = trajectories.get(step.trajectory) ?? [];
    const problem = step.problem ?? members.find((one) => one.problem !== null)?.problem;
    const id = `${step.trajectory} ${members.indexOf(step) + 1}`;
    if (problem == null) bad.push({ line: step.line, reason: `${id} has no question` });
    else rows.push({ id, ...stepRow(step, problem, members) });
  }
  return { rows, bad };
}

function stepRow(
  step: TrainingStep,
  problem: string,
  members: readonly TrainingStep[],
): Omit<DatasetRow, "id"> {
  const { task, kind, image, context, solution, demonstration, trajectory, line } = step;
  const diagnosis = members.find((one) => one.kind === "problem");
  return {
    task,
    kind: diagnosis === undefined ? task : labelsOf(diagnosis.solution),
    split: null,
    question: questionOf(problem),
    answers: kind === "answer" ? [actionOf(solution).body.trim()] : [],
    image,
    reference: null,
    step: {
      prompt: context === null ? problem : `${problem}\n${context}`,
      solution,
      demonstration,
    },
    family: trajectory,
    line,
  };
}

function trajectoriesOf(steps: readonly TrainingStep[]): ReadonlyMap<string, TrainingStep[]> {
  const trajectories = new Map<string, TrainingStep[]>();
  for (const step of steps) {
    const known = trajectories.get(step.trajectory);
    if (known === undefined) trajectories.set(step.trajectory, [step]);
    else known.push(step);
  }
  return trajectories;
}

function taskOf(trajectory: string, steps: readonly TrainingStep[]): DatasetRow | null {
  const first = steps.find(({ kind, task }) => task === "search" || kind === "problem");
  const last = steps.find(({ kind }) => kind === "answer");
  if (first?.problem == null || last === undefined) return null;
  const { task, image, line } = first;
  const kind = task === "coding" ? labelsOf(first.solution) : "search";
  const searches = steps.filter((step) => step.kind === "search");
  const queries = searches.map(({ solution }) => actionOf(solution).body.trim());
  return {
    id: trajectory,
    task,
    kind,
    split: null,
    question: questionOf(first.problem),
    answers: [actionOf(last.solution).body.trim()],
    image,
    // A crop's clean image is not the part that was asked for, and nothing was done to `none`.
    reference: task === "coding" && !/^(?:crop|none)/.test(kind) ? last.image : null,
    ...(queries.length > 0 && { queries }),
    line,
  };
}

/** `{'rotation90', 'dark'}` as `rotation90+dark`. */
function labelsOf(solution: string): string {
  return [...actionOf(solution).body.matchAll(/'([^']+)'/g)].map(([, label]) => label).join("+");
}
