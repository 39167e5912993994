// What judges a run again: the components of the other reward and, where gradients are wanted, the
// engine that learns again.
import { EvidenceError } from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import {
  type RecordedRewards,
  type Rejudging,
  recordedVerdicts,
  sampleOf,
} from "../../replay/index.ts";
import type { LedgerReader } from "../../storage/index.ts";
import { NotFoundError } from "../errors.ts";
import type { Closers } from "./closers.ts";
import { openJudge } from "./judge.ts";
import { openRelearning, type RelearningOptions, requireCheckpoint } from "./open-relearning.ts";

export interface RejudgingOptions extends RelearningOptions {
  readonly reader: Pick<LedgerReader, "blobs" | "readStream">;
  /** The run's configuration with the other reward. */
  readonly rejudged: RunConfig;
  /** The chain's hash at the end of what is judged again. */
  readonly ledgerHash: string;
  readonly rewards: RecordedRewards;
  /** Share of the steps, above 0, at most 1. */
  readonly share: number;
  /** `required`: without a checkpoint there is no result; `wanted`: then there are no gradients. */
  readonly gradients: "none" | "wanted" | "required";
}

type Engine = Awaited<ReturnType<typeof openRelearning>>;
type Opened = Rejudging<ReturnType<Engine["optimizer"]["decode"]>>;

/** What judges again, and what is to be said about it. */
export async function openRejudging(
  options: RejudgingOptions,
  closers: Closers,
): Promise<{ readonly rejudging: Opened; readonly notes: readonly string[] }> {
  const { started, config, rejudged, reader, env, ledgerHash, share } = options;
  const verdicts = recordedVerdicts(config.reward, rejudged.reward, options.rewards);
  const judge = {
    ...{ config: rejudged, env, run: started.run, ledger: reader },
    ...(verdicts && { verdicts }),
    // Another tokenizer would read other words, and nobody would see it.
    beforeReading: () => requireCheckpoint(started, config),
  };
  const rewards = await openJudge(judge, closers);
  const engine = await engineOf(options, closers);
  const rejudging = { config: rejudged, rewards, engine, sample: sampleOf(share, ledgerHash) };
  return { rejudging, notes: notesOf(engine, options) };
}

async function engineOf(options: RejudgingOptions, closers: Closers): Promise<Engine | string> {
  const { gradients } = options;
  if (gradients === "none") return "gradients were not asked for";
  try {
    return await openRelearning(options, closers);
  } catch (thrown) {
    const isMissing = thrown instanceof NotFoundError || thrown instanceof EvidenceError;
    if (gradients === "required" || !isMissing) throw thrown;
    return thrown.message;
  }
}

function notesOf(
  engine: Engine | string,
  { share, ledgerHash, gradients }: RejudgingOptions,
): string[] {
  const notes: string[] = [];
  if (typeof engine === "string") {
    if (gradients !== "none") notes.push(`there are no gradients: ${engine}`);
  } else if (engine.otherClass !== null) {
    notes.push(`this is another numeric class, gradients are near: ${engine.otherClass}`);
  }
  if (share < 1) {
    const hash = ledgerHash.slice(0, 12);
    notes.push(`a sample of ${100 * share} % of the steps, drawn by the ledger's hash ${hash}`);
  }
  return notes;
}
