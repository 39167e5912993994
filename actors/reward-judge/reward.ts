// A reward as the weighted sum of its components. Pure: the values come from the trajectory's own
// metrics or, where the world was asked or other trajectories matter, are handed in.
import { type RunConfig, rewardNames } from "../../config/index.ts";
import { assert, type EventData, type RewardComponent } from "../../events/index.ts";

/** What a reward is made of: `[reward]`. */
export type RewardSettings = RunConfig["reward"];

/** What a trajectory achieved. `em`, `f1` and `format` are 0–1, by the corrected rules. */
export interface TrajectoryMetrics {
  readonly em: number;
  readonly f1: number;
  readonly format: number;
  readonly calls: number;
}

/** A component's value, and `name@version` of the function that gave it. */
export interface ComponentValue {
  readonly value: number;
  readonly function: string;
}

/** Values by the component's name; those that are not here are metrics. */
export type ComponentValues = ReadonlyMap<string, ComponentValue>;

/** The version of each metric; raised whenever an equal trajectory gives another value. */
const metrics = {
  f1: { of: ({ f1 }: TrajectoryMetrics) => f1, function: "f1@1" },
  format: { of: ({ format }: TrajectoryMetrics) => format, function: "format@1" },
  calls: { of: ({ calls }: TrajectoryMetrics) => calls, function: "calls@1" },
  exact_match: { of: ({ em }: TrajectoryMetrics) => em, function: "exact-match@1" },
} as const;

/**
 * The values of a recorded reward that its trajectory's metrics do not give: what was measured with
 * the world, or in the place of the model's words.
 */
export function recordedValues({
  components,
  injected,
}: Pick<EventData<"reward.assigned">, "components" | "injected">): ComponentValues {
  const known = new Set(Object.values(metrics).map((metric): string => metric.function));
  return new Map(
    components.flatMap(({ name, value, function: by }) =>
      known.has(by) && injected === undefined ? [] : [[name, { value, function: by }]],
    ),
  );
}

/** A component's name and weight. */
export interface WeighedName {
  readonly name: string;
  readonly weight: number;
}

/** The components of a reward in the order of the sum, under the names that are recorded. */
export function weighedNames(settings: RewardSettings): readonly WeighedName[] {
  const named = rewardNames(settings).map((key) => {
    const weight = settings[key]?.weight;
    assert(weight !== undefined, `the component ${key} is configured`);
    return { name: recordedName(key), weight };
  });
  return [...named, ...settings.modules.map(({ name, weight }) => ({ name, weight }))];
}

/** A key of the configuration as it is written there. */
const recordedName = (key: string): string => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/** The components in their fixed order, and Σ value · weight in that order. */
export function rewardOf(
  achieved: TrajectoryMetrics,
  settings: RewardSettings,
  values: ComponentValues = new Map(),
): { readonly components: RewardComponent[]; readonly reward: number } {
  const components = weighedNames(settings).map(({ name, weight }) => {
    const measured = values.get(name) ?? metricOf(achieved, name);
    return { name, value: measured.value, weight, function: measured.function };
  });
  const reward = components.reduce((total, { value, weight }) => total + value * weight, 0);
  return { components, reward };
}

function metricOf(achieved: TrajectoryMetrics, name: string): ComponentValue {
  const metric = name in metrics ? metrics[name as keyof typeof metrics] : undefined;
  assert(metric !== undefined, `the component ${name} was measured`);
  return { value: metric.of(achieved), function: metric.function };
}
