// What another reward comes to over many trajectories, component by component. Sums run in the
// order of the trajectories.
import type { RewardComponent } from "../../events/index.ts";
import type { Reward } from "./rewards.ts";

/** The same thing as it is recorded and under the other reward. */
export interface Both<T> {
  readonly recorded: T;
  readonly rejudged: T;
}

/** A component over all trajectories; null on the side that has no such component. */
export interface ComponentChange {
  readonly name: string;
  readonly weight: Both<number | null>;
  /** Of its value. */
  readonly mean: Both<number | null>;
  /** `name@version` of what gave the value, of the last trajectory. */
  readonly function: Both<string | null>;
  /** Trajectories whose value is another one, or that have it on one side only. */
  readonly changed: number;
}

/** Rewards of trajectories, on both sides. */
export interface RewardChange {
  readonly trajectories: number;
  /** Trajectories whose reward is another number. */
  readonly changed: number;
  /** Means. */
  readonly reward: Both<number>;
  readonly components: readonly ComponentChange[];
}

interface Side {
  sum: number;
  count: number;
  weight: number | null;
  function: string | null;
}

interface Row extends Both<Side> {
  changed: number;
}

const nothing = (): Side => ({ sum: 0, count: 0, weight: null, function: null });

export class RewardTally {
  readonly #rows = new Map<string, Row>();
  #trajectories = 0;
  #changed = 0;
  #recorded = 0;
  #rejudged = 0;

  add(recorded: Reward, rejudged: Reward): void {
    this.#trajectories += 1;
    if (recorded.reward !== rejudged.reward) this.#changed += 1;
    this.#recorded += recorded.reward;
    this.#rejudged += rejudged.reward;
    const before = byName(recorded);
    const after = byName(rejudged);
    for (const name of new Set([...before.keys(), ...after.keys()])) {
      const row = this.#rowOf(name);
      const [was, is] = [before.get(name), after.get(name)];
      note(row.recorded, was);
      note(row.rejudged, is);
      if (was?.value !== is?.value) row.changed += 1;
    }
  }

  get change(): RewardChange {
    const count = Math.max(1, this.#trajectories);
    return {
      trajectories: this.#trajectories,
      changed: this.#changed,
      reward: { recorded: this.#recorded / count, rejudged: this.#rejudged / count },
      components: [...this.#rows].map(([name, { recorded, rejudged, changed }]) => ({
        name,
        weight: { recorded: recorded.weight, rejudged: rejudged.weight },
        mean: { recorded: meanOf(recorded), rejudged: meanOf(rejudged) },
        function: { recorded: recorded.function, rejudged: rejudged.function },
        changed,
      })),
    };
  }

  #rowOf(name: string): Row {
    const known = this.#rows.get(name) ?? { recorded: nothing(), rejudged: nothing(), changed: 0 };
    this.#rows.set(name, known);
    return known;
  }
}

const byName = ({ components }: Reward) => new Map(components.map((one) => [one.name, one]));

function note(side: Side, component: RewardComponent | undefined): void {
  if (component === undefined) return;
  side.sum += component.value;
  side.count += 1;
  side.weight = component.weight;
  side.function = component.function ?? null;
}

const meanOf = ({ sum, count }: Side): number | null => (count === 0 ? null : sum / count);
