// The warm start: from nothing to a checkpoint that reads, knows the protocol and errs on purpose.
// First perception, then whole episodes told by a faulty teacher; nothing but seeded lessons goes
// in, so the same settings give the same bytes on the same numeric class.
import { parseDevice, type RandomStream } from "../../../events/index.ts";
import {
  type AdamSettings,
  adamStep,
  type CheckpointContent,
  type Gradient,
  type ImageInput,
  initialAdamState,
  openPolicy,
  type Policy,
  type PreprocessedImage,
  type TensorMap,
} from "../../../model/index.ts";
import {
  demonstrate,
  drawKind,
  drawTask,
  fieldLesson,
  type Lesson,
  mixtures,
  type PerceptionMix,
  perceive,
  type TeacherFaults,
} from "../../../tasks/index.ts";
import { GradientSum } from "../gradient-sum.ts";
import type { LessonEncoder, TrainingSequence } from "./encode-lesson.ts";
import { type FreshSettings, freshCheckpoint } from "./fresh-checkpoint.ts";
import { type DrawLesson, lessonsOf, type StageSettings, stageRate } from "./stage.ts";

/** The settings of a warm start (config/warmup.toml). */
export interface WarmStartSettings extends FreshSettings {
  /** Where lessons are learnt: `cpu`, `cuda:N` or `webgpu:0`. */
  readonly device: string;
  readonly threads: number;
  /** Sequences per gradient call. */
  readonly microRows: number;
  readonly optimizer: Omit<AdamSettings, "learningRate">;
  readonly perception: StageSettings & {
    readonly jitterSteps: number;
    readonly jitterPixelsFirst: number;
    readonly jitterPixelsLast: number;
    readonly mix: PerceptionMix;
  };
  readonly protocol: StageSettings & {
    readonly rehearsal: number;
    readonly fields: number;
    readonly faults: TeacherFaults;
  };
}

/** What is told after each step. */
export interface WarmStartProgress {
  readonly stage: "perception" | "protocol";
  readonly step: number;
  readonly steps: number;
  /** Mean cross-entropy of the learnt tokens, nats. */
  readonly loss: number;
  readonly learningRate: number;
}

/** Runs both stages; the content of the finished checkpoint folder. */
export async function warmStart(
  settings: WarmStartSettings,
  options: { onProgress(progress: WarmStartProgress): void; signal: AbortSignal },
): Promise<CheckpointContent> {
  const fresh = freshCheckpoint(settings);
  const { config, tensors } = fresh;
  const policy = await openPolicy({
    config,
    tensors,
    tuning: { type: "full" },
    threads: settings.threads,
    device: parseDevice(settings.device),
    roles: ["learn"],
  });
  try {
    let parameters: TensorMap = tensors;
    for (const stage of ["perception", "protocol"] as const) {
      parameters = await runStage(stage, {
        settings,
        policy,
        encoder: fresh,
        parameters,
        ...options,
      });
    }
    return fresh.content(parameters);
  } finally {
    await policy.close();
  }
}

export interface Stage {
  readonly settings: WarmStartSettings;
  readonly policy: Policy;
  readonly encoder: LessonEncoder;
  readonly parameters: TensorMap;
  readonly signal: AbortSignal;
  onProgress(progress: WarmStartProgress): void;
}

export async function runStage(name: "perception" | "protocol", stage: Stage): Promise<TensorMap> {
  const { settings, signal, policy, encoder } = stage;
  const { steps } = settings[name];
  const draw = drawerOf(name, settings);
  let { parameters } = stage;
  let state = initialAdamState(parameters);
  for (let step = 1; step <= steps; step++) {
    signal.throwIfAborted();
    const path = { seed: settings.seed, stage: name, step };
    const sequences = lessonsOf(encoder, draw, settings[name], path);
    const { loss, gradients } = await meanGradient(policy, parameters, sequences, settings);
    const learningRate = stageRate(settings[name], step);
    ({ parameters, state } = adamStep(parameters, gradients, state, {
      ...settings.optimizer,
      learningRate,
    }));
    stage.onProgress({ stage: name, step, steps, loss, learningRate });
  }
  return parameters;
}

function drawerOf(name: "perception" | "protocol", settings: WarmStartSettings): DrawLesson {
  const { jitterPixelsFirst, jitterPixelsLast, jitterSteps, steps, mix } = settings.perception;
  if (name === "perception") {
    return (random, progress) => {
      const grown = Math.min(1, (progress * steps) / Math.max(1, jitterSteps));
      const jitter = jitterPixelsFirst + grown * (jitterPixelsLast - jitterPixelsFirst);
      return perceive(random, mix, jitter);
    };
  }
  const { rehearsal, fields, faults } = settings.protocol;
  return (random) => {
    const dice = random.uniform();
    if (dice < rehearsal) return perceive(random, mix, jitterPixelsLast);
    return dice < rehearsal + fields ? fieldLesson(random) : demonstrateOne(random, faults);
  };
}

function demonstrateOne(random: RandomStream, faults: TeacherFaults): Lesson {
  const task = drawTask(random, "lesson", drawKind(random, mixtures.warmup), "train");
  return demonstrate(random, task, faults);
}

/**
 * The gradient of the mean cross-entropy over all learnt tokens, summed in order of the sequences.
 */
async function meanGradient(
  policy: Policy,
  parameters: TensorMap,
  sequences: readonly TrainingSequence[],
  { microRows }: WarmStartSettings,
): Promise<Pick<Gradient, "loss" | "gradients">> {
  const byLength = [...sequences].sort((a, b) => a.ids.length - b.ids.length);
  const rows = byLength.map(({ ids, learnt, images }, row) => ({
    ids,
    images: images.map(nameImage(row)),
    chosen: ids.flatMap((_, index) => (learnt[index] === 1 ? [index] : [])),
  }));
  const normalizer = rows.reduce((sum, { chosen }) => sum + chosen.length, 0);
  let loss = 0;
  const sum = new GradientSum();
  for (let start = 0; start < rows.length; start += microRows) {
    const micro = rows.slice(start, start + microRows);
    const tokens = micro.reduce((sum, { chosen }) => sum + chosen.length, 0);
    const weights = new Float32Array(tokens).fill(1);
    const sampling = { temperature: 1, bannedIds: [] };
    const batch = { rows: micro, sampling };
    const part = await policy.gradient(parameters, batch, {
      normalizer,
      crossEntropy: { weights },
    });
    loss += part.loss;
    sum.add(part.gradients);
  }
  return { loss, gradients: sum.take() };
}

/** Every image of a lesson is new, so its place in the batch is name enough. */
const nameImage =
  (row: number) =>
  ({ pixels, grid }: PreprocessedImage, index: number): ImageInput => ({
    hash: `${row}.${index}`,
    pixels,
    grid,
  });
