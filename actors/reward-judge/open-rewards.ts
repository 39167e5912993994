// Opens what a run's reward is measured with: the components that its configuration names.
import { basename } from "node:path";
import type { RunConfig } from "../../config/index.ts";
import type { HashName } from "../../events/index.ts";
import { type MeasuredComponent, RewardBook } from "./book.ts";
import {
  diagnosisOf,
  exactMatchOf,
  f1Of,
  isRepairDue,
  referenceCodeOf,
  referenceDiagnosisOf,
  referenceFormatOf,
  rulesOf,
} from "./components.ts";
import { correctionRule, type PlayedBefore } from "./correction-rule.ts";
import { RewardSetupError } from "./errors.ts";
import { type JudgeOptions, judgeComponents } from "./judge-components.ts";
import type { ComparePixels } from "./measure.ts";
import { loadRewardModule } from "./own-module.ts";
import type { Played, ReadTurns } from "./played.ts";
import type { RewardSettings } from "./reward.ts";
import { Embedders, similarityComponents } from "./similarity-components.ts";

export interface OpenRewardsOptions extends Pick<ReadTurns, "parseAction">, JudgeOptions {
  readonly config: Pick<RunConfig, "reward" | "run" | "rollout" | "tasks">;
  readonly comparePixels: ComparePixels;
  /** Opens what reads turns; it is not asked where metrics alone are paid for. */
  readonly openDecoder: () => Promise<ReadTurns["decode"]>;
  readonly readImage: (name: HashName) => Promise<Uint8Array | null>;
  /** Where `reward.correction` compares with evaluations of the run itself. */
  readonly playedBefore?: PlayedBefore;
}

/** What judges, and what it has open. */
export interface OpenRewards {
  readonly rewards: RewardBook;
  close(): Promise<void>;
}

/**
 * Opens everything that `[reward]` names.
 * @throws what each of its parts throws: a model, a module or a file that is not there
 */
export async function openRewards(options: OpenRewardsOptions): Promise<OpenRewards> {
  const { reward } = options.config;
  const embedders = new Embedders();
  try {
    const components = [
      ...answerComponents(reward),
      ...actionComponents(reward, options.comparePixels),
      ...(await similarityComponents(reward, embedders)),
      ...judgeComponents(options),
      ...(await moduleComponents(options)),
    ];
    const correction = await correctionRule(reward, options.playedBefore);
    const isRead = components.length > 0 || reward.groundTruthInjection !== "off";
    const decode = isRead ? await options.openDecoder() : unread;
    const rewards = new RewardBook({ ...options, decode, components, correction });
    return { rewards, close: () => embedders.close() };
  } catch (thrown) {
    await embedders.close();
    throw thrown;
  }
}

const unread = (): string => {
  throw new RewardSetupError("turns are read that nothing is paid for");
};

/** Answers by other rules than the corrected ones, which are metrics. */
function answerComponents({ f1, exactMatch }: RewardSettings): MeasuredComponent[] {
  const found: MeasuredComponent[] = [];
  const versionOf = ({ rules, overlap, cjk }: NonNullable<RewardSettings["f1"]>) =>
    [rules, overlap, cjk].filter((part) => part !== undefined && part !== "corrected").join(",");
  for (const [name, settings, of] of [
    ["f1", f1, f1Of],
    ["exact_match", exactMatch, exactMatchOf],
  ] as const) {
    if (settings === undefined) continue;
    const version = versionOf(settings);
    if (version === "") continue;
    const rules = rulesOf(settings);
    const by = `${name.replace("_", "-")}@1+${version}`;
    found.push({ name, function: by, measure: (played) => of(played, rules) });
  }
  return found;
}

function actionComponents(
  { format, diagnosis, executed }: RewardSettings,
  comparePixels: ComparePixels,
): MeasuredComponent[] {
  const found: MeasuredComponent[] = [];
  if (format?.mode === "reference") {
    found.push({ name: "format", function: "reference-format@1", measure: referenceFormatOf });
  }
  if (diagnosis !== undefined) {
    found.push(
      diagnosis.mode === "reference"
        ? { name: "diagnosis", function: "reference-diagnosis@1", measure: referenceDiagnosisOf }
        : { name: "diagnosis", function: "diagnosis@1", measure: diagnosisOf },
    );
  }
  if (executed !== undefined) {
    const measure = (played: Played) => executedOf(played, comparePixels);
    found.push(
      executed.mode === "reference"
        ? { name: "executed", function: "reference-code@1", measure: referenceCodeOf }
        : { name: "executed", function: "executed@1", measure },
    );
  }
  return found;
}

/**
 * 1 where a program ran and changed the image or, of an image that needs no repair, where none was
 * called; else 0. Questions that are searched for have no image to change.
 */
async function executedOf(played: Played, comparePixels: ComparePixels): Promise<number> {
  if (played.task.task !== "coding") return 0;
  const programs = played.turns.filter(({ call }) => call?.tool === "python");
  if (!isRepairDue(played)) return programs.length === 0 ? 1 : 0;
  for (const { call, answer } of programs) {
    if (answer?.cause !== "ok" || answer.image === null || call?.image == null) continue;
    if (answer.image === call.image) continue;
    // Files of other encoders may hold the same pixels under another name.
    if ((await comparePixels(answer.image, call.image)) !== 0) return 1;
  }
  return 0;
}

async function moduleComponents(options: OpenRewardsOptions): Promise<MeasuredComponent[]> {
  const { readImage } = options;
  return Promise.all(
    options.config.reward.modules.map(async ({ name, path }) => {
      const { hash, reward } = await loadRewardModule(path, { readImage });
      return { name, function: `${basename(path)}@${hash}`, measure: reward };
    }),
  );
}
