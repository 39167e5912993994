// Where tasks come from. A source hands out prepared tasks: encoded images beside what the events
// record. The generated mini benchmark and dataset folders are two sources of one shape.
import { encodePng, RandomStream } from "../events/index.ts";
import { TaskSourceError } from "./errors.ts";
import { drawKind, drawTask, type GreyImage, type MiniTask, mixtures } from "./mini/index.ts";
import { type PreparedTask, preparedTask } from "./prepared-task.ts";

/** The evaluation set that every source has. */
export const trainingSet = "training";

/** An endless supply of training tasks and named evaluation sets. */
export interface TaskSource {
  /**
   * Tasks `first` … `first + count - 1` of the training sequence: a pure function of its arguments.
   */
  training(first: number, count: number): Promise<readonly PreparedTask[]>;
  /** How many different tasks that sequence has; infinite where it never repeats one. */
  readonly trainingTasks: number;
  /**
   * Tasks `first` … `first + count - 1` of a named set; `first` is 0 where it is left out. Every
   * source has the set `training`: its training tasks, each once.
   */
  evaluation(set: string, count: number, first?: number): Promise<readonly PreparedTask[]>;
}

const encodeGrey = ({ width, height, pixels }: GreyImage): Promise<Uint8Array> =>
  encodePng(pixels, { width, height, channels: 1 });

async function prepare(drawn: MiniTask): Promise<PreparedTask> {
  const image = await encodeGrey(drawn.image);
  const reference = drawn.reference && (await encodeGrey(drawn.reference));
  return preparedTask(drawn, image, reference);
}

const evaluationSets = {
  singles: "singles",
  pairs: "pairs",
  "pairs-kept-out": "pairs-kept-out",
} as const;

/**
 * The generated benchmark. Evaluation sets depend on nothing but their name; training on `seed`.
 */
export function miniSource(seed: number): TaskSource {
  const drawTraining = (index: number) => {
    const random = new RandomStream(seed, "task", index);
    return drawTask(random, `train-${index}`, drawKind(random, mixtures.train), "train");
  };
  const drawEvaluation = (set: keyof typeof evaluationSets, index: number) => {
    const random = new RandomStream("evaluation", set, index);
    return drawTask(random, `${set}-${index}`, drawKind(random, mixtures[set]), "heldout");
  };
  const training = (first: number, count: number) =>
    Promise.all(range(count).map((offset) => prepare(drawTraining(first + offset))));
  return {
    training,
    trainingTasks: Number.POSITIVE_INFINITY,
    async evaluation(set, count, first = 0) {
      if (set === trainingSet) return training(first, count);
      if (!isEvaluationSet(set)) {
        throw new TaskSourceError(
          `the mini benchmark has no set "${set}"; it has ${Object.keys(evaluationSets).join(", ")} ` +
            `and ${trainingSet}`,
        );
      }
      return Promise.all(range(count).map((index) => prepare(drawEvaluation(set, first + index))));
    },
  };
}

const isEvaluationSet = (set: string): set is keyof typeof evaluationSets => set in evaluationSets;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
