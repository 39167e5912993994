// Several sources as one: which of them a task comes from is drawn from the seed by weight, and
// each source is walked in its own order, however often the others are drawn.
import { assert, RandomStream } from "../events/index.ts";
import { TaskSourceError } from "./errors.ts";
import type { TaskSource } from "./source.ts";

/** A source of a mixture. */
export interface MixedSource {
  readonly name: string;
  /** How often it is drawn, among the others; 0: never, it is for evaluations. */
  readonly weight: number;
  readonly source: TaskSource;
}

/** One source of all. Evaluation sets are named `<source>/<set>`, as tasks are `<source>/<id>`. */
export function mixtureSource(sources: readonly MixedSource[], seed: number): TaskSource {
  const draws = new Draws(sources, seed);
  return {
    async training(first, count) {
      const places = Array.from({ length: count }, (_, at) => draws.at(first + at));
      return Promise.all(
        places.map(async ({ source: { name, source }, index }) => {
          const [prepared] = await source.training(index, 1);
          assert(prepared !== undefined, `the source ${name} gave a task`);
          return named(name, prepared);
        }),
      );
    },
    trainingTasks: sources
      .filter(({ weight }) => weight > 0)
      .reduce((sum, { source }) => sum + source.trainingTasks, 0),
    async evaluation(set, count, first = 0) {
      const [name = "", ...rest] = set.split("/");
      const found = sources.find((one) => one.name === name);
      if (found === undefined || rest.length === 0) {
        const names = sources.map((one) => `${one.name}/…`).join(", ");
        throw new TaskSourceError(`the mixture has no set "${set}"; its sets are ${names}`);
      }
      const tasks = await found.source.evaluation(rest.join("/"), count, first);
      return tasks.map((prepared) => named(name, prepared));
    },
  };
}

type Prepared = Awaited<ReturnType<TaskSource["training"]>>[number];

function named(name: string, prepared: Prepared): Prepared {
  return { ...prepared, task: { ...prepared.task, id: `${name}/${prepared.task.id}` } };
}

interface Draw {
  readonly source: MixedSource;
  /** The place in the source's own sequence. */
  readonly index: number;
}

/** The sequence of draws, as far as it was looked at: a pure function of sources and seed. */
class Draws {
  readonly #sources: readonly MixedSource[];
  readonly #seed: number;
  readonly #drawn: Draw[] = [];
  readonly #counts = new Map<MixedSource, number>();

  constructor(sources: readonly MixedSource[], seed: number) {
    this.#sources = sources.filter(({ weight }) => weight > 0);
    this.#seed = seed;
  }

  at(place: number): Draw {
    while (this.#drawn.length <= place) this.#draw();
    return this.#drawn[place] as Draw;
  }

  #draw(): void {
    const source = this.#pick(new RandomStream(this.#seed, "mixture", this.#drawn.length));
    const index = this.#counts.get(source) ?? 0;
    this.#counts.set(source, index + 1);
    this.#drawn.push({ source, index });
  }

  #pick(random: RandomStream): MixedSource {
    const last = this.#sources.at(-1);
    if (last === undefined) throw new TaskSourceError("no source has a weight above 0");
    const total = this.#sources.reduce((sum, { weight }) => sum + weight, 0);
    let rest = random.uniform() * total;
    for (const source of this.#sources) {
      rest -= source.weight;
      if (rest < 0) return source;
    }
    return last;
  }
}
