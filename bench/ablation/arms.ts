// What the ablation compares: settings over the quick start's, one arm each. Every arm plays as
// many steps of as many groups by one schedule of the learning rate, and is evaluated alike.

/** A variant of the training. */
export interface Arm {
  /** Names its folder and its figures; docs/results.md says what it stands for. */
  readonly name: string;
  /** `--set`s over `baseConfig`, after those that all arms share. */
  readonly settings: readonly string[];
  /** Its evaluations are others, and so is what the policy before training comes to in them. */
  readonly startsElsewhere?: boolean;
}

export const baseConfig = "config/quickstart.toml";
export const seeds: readonly number[] = [1, 2, 3];
export const steps = 30;
/** Steps from one point of a curve to the next. */
const everySteps = 6;

/** The evaluations of each run, by what they show. */
export const sets = {
  /** Single kinds and search, greedy: the curve. */
  main: { name: "singles", set: "singles", tasks: 256, greedy: true },
  /** Two troubles at once, which nobody demonstrated. */
  pairs: { name: "pairs", set: "pairs", tasks: 208, greedy: false },
  /** As `main`, but the tool hands back its input. */
  noTool: { name: "no-tool", set: "singles", tasks: 256, greedy: true },
} as const;

/** What all arms have in common. The policy before training is the same: one arm evaluates it. */
export function sharedSettings({ name }: Pick<Arm, "name">): readonly string[] {
  const before = name === baseArm ? '"before",' : "";
  const written = [
    setWords(sets.main, `when=[${before}"every","after"]`),
    setWords(sets.pairs, `when=[${before}"after"]`),
    setWords(sets.noTool, `tools=false,when=[${before}"after"]`),
  ];
  return [
    `run.steps=${steps}`,
    "storage.gradient_bytes_max=0",
    `evaluation.every_steps=${everySteps}`,
    `evaluation.sets=[${written.join(",")}]`,
  ];
}

type EvaluationSet = (typeof sets)[keyof typeof sets];

function setWords({ name, set, tasks, greedy }: EvaluationSet, rest: string): string {
  return `{name="${name}",set="${set}",tasks=${tasks},greedy=${greedy},${rest}}`;
}

/** Its runs evaluate the policy before training, too. */
export const baseArm = "quick-start";
/** What the others are held against. */
export const recommendedArm = "recommended";

/** Of `config/recommended.toml`: what differs from the quick start and is no matter of size. */
const recommended = {
  oversampling: "rollout.oversampling=1.5",
  advantage: 'learner.advantage={type="gdpo"}',
  clipHigh: "learner.clip_high=0.28",
  masked: "learner.mask_truncated=true",
  reward: "reward={f1=1.0,format=0.5,executed=0.25,calls=-0.05}",
} as const;

const recommendedWith = (changed: Partial<Record<keyof typeof recommended, string>>) =>
  Object.values({ ...recommended, ...changed });

/** The arms, in the order of the table. */
export const arms: readonly Arm[] = [
  { name: baseArm, settings: [] },
  {
    name: "reference",
    settings: [
      'learner.loss={type="grpo"}',
      'learner.advantage={type="std"}',
      'learner.kl={type="k3",coefficient=0.04}',
      "learner.minibatches=1",
      "learner.clip_high=0.2",
      'reward={f1={weight=1.0,rules="reference-training"},format={weight=1.0,mode="reference"},' +
        'diagnosis={weight=1.0,mode="reference"},executed={weight=1.0,mode="reference"},' +
        'ground_truth_injection="reference"}',
    ],
  },
  { name: recommendedArm, settings: recommendedWith({}) },
  {
    name: "constant-code",
    settings: recommendedWith({
      reward: 'reward={f1=1.0,format=0.5,executed={weight=0.25,mode="reference"},calls=-0.05}',
    }),
  },
  {
    name: "injection",
    settings: recommendedWith({
      reward:
        'reward={f1=1.0,format=0.5,executed=0.25,calls=-0.05,ground_truth_injection="reference"}',
    }),
  },
  {
    name: "without-gdpo",
    settings: recommendedWith({ advantage: 'learner.advantage={type="std"}' }),
  },
  {
    name: "without-clip-higher",
    settings: recommendedWith({ clipHigh: "learner.clip_high=0.2" }),
  },
  {
    name: "without-tools",
    startsElsewhere: true,
    // Nothing can be executed, so nothing is paid or charged for it.
    settings: [...recommendedWith({ reward: "reward={f1=1.0,format=0.5}" }), "rollout.calls_max=0"],
  },
];
