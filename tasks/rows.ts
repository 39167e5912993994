// Rows of a dataset as a source of tasks. A row or an image that does not fit names its file and
// line.
import { readFile } from "node:fs/promises";
import { ensureError, RandomStream, sha256Bytes } from "../events/index.ts";
import type { DatasetImage, DatasetRow } from "./datasets/index.ts";
import { DatasetRowError, TaskSourceError } from "./errors.ts";
import { type PreparedTask, preparedTask } from "./prepared-task.ts";
import { type TaskSource, trainingSet } from "./source.ts";

/** What is held out of a file of rows. */
const heldoutSet = "heldout";

/** Looks at an image; what it throws says why the image is none. */
export type CheckImage = (bytes: Uint8Array, name: string) => Promise<unknown>;

export interface RowSourceOptions {
  readonly seed: number;
  /** In a new order each time round, drawn from the seed, or as they stand in the file. */
  readonly order: "shuffled" | "file";
  /** Share of the rows, by the hash of their ids, that is the evaluation set `heldout`. */
  readonly heldoutShare: number;
  readonly check: CheckImage;
}

/**
 * Rows of a file as tasks; their images are paths or stand in the file itself. Some are held out
 * for evaluation, training takes the others again and again. An image that `check` refuses is named
 * with its row when it is drawn.
 */
export function rowSource(
  file: string,
  rows: readonly DatasetRow[],
  options: RowSourceOptions,
): TaskSource {
  const isHeldout = ({ id, family = id }: DatasetRow) =>
    (sha256Bytes("varft row split", family)[0] as number) / 256 < options.heldoutShare;
  const train = rows.filter((row) => !isHeldout(row));
  const heldout = rows.filter(isHeldout);
  const orders = new Orders(train.length, options);
  const prepare = (row: DatasetRow) => prepareRow(file, row, options.check);
  const draw = (first: number, count: number) => {
    if (train.length === 0) throw new TaskSourceError(`${file} has no training rows`);
    const indices = Array.from({ length: count }, (_, at) => orders.index(first + at));
    return Promise.all(indices.map((index) => prepare(train[index] as DatasetRow)));
  };
  const require = (there: number, what: string, wanted: number) => {
    if (wanted <= there) return;
    throw new TaskSourceError(
      `${file} has ${there} ${what} rows, ${wanted} were asked for; heldout_share is ` +
        `${options.heldoutShare}`,
    );
  };
  return {
    training: async (first, count) => draw(first, count),
    trainingTasks: train.length,
    async evaluation(set, count, first = 0) {
      if (set === trainingSet) {
        require(train.length, "training", first + count);
        return draw(first, count);
      }
      if (set !== heldoutSet) {
        throw new TaskSourceError(
          `${file} has no set "${set}"; its sets are "${heldoutSet}" and "${trainingSet}"`,
        );
      }
      require(heldout.length, "held-out", first + count);
      return Promise.all(heldout.slice(first, first + count).map(prepare));
    },
  };
}

/** Rounds whose order is remembered: a step may lie in two. */
const roundsMax = 2;

/** Which row comes at which place of the endless sequence: each once in every round. */
class Orders {
  readonly #rows: number;
  readonly #options: RowSourceOptions;
  readonly #rounds = new Map<number, readonly number[]>();

  constructor(rows: number, options: RowSourceOptions) {
    this.#rows = rows;
    this.#options = options;
  }

  index(place: number): number {
    const at = place % this.#rows;
    if (this.#options.order === "file") return at;
    return this.#round(Math.floor(place / this.#rows))[at] as number;
  }

  #round(round: number): readonly number[] {
    const known = this.#rounds.get(round);
    if (known !== undefined) return known;
    const random = new RandomStream(this.#options.seed, "row order", round);
    const order = random.shuffle(Array.from({ length: this.#rows }, (_, index) => index));
    this.#rounds.set(round, order);
    for (const oldest of this.#rounds.keys()) {
      if (this.#rounds.size <= roundsMax) break;
      this.#rounds.delete(oldest);
    }
    return order;
  }
}

async function prepareRow(file: string, row: DatasetRow, check: CheckImage): Promise<PreparedTask> {
  const read = async (image: DatasetImage | null) => {
    if (image === null) return null;
    const name = typeof image === "string" ? image : image.name;
    try {
      const bytes =
        typeof image === "string" ? new Uint8Array(await readFile(image)) : await image.read();
      await check(bytes, name);
      return bytes;
    } catch (cause) {
      const reason = `image ${name}: ${ensureError(cause).message}`;
      throw new DatasetRowError({ file, line: row.line, reason }, { cause });
    }
  };
  return preparedTask(row, await read(row.image), await read(row.reference));
}
