// What judges a run, out of its configuration.
import {
  type OpenRewards,
  openRewards,
  pixelComparison,
  playedBefore,
  turnText,
  type Verdicts,
} from "../../actors/index.ts";
import { protocolOf } from "../../config/index.ts";
import { openTokenizer } from "../../model/index.ts";
import type { Blobs, LedgerReader } from "../../storage/index.ts";
import { environmentOf, withModes } from "../../tasks/index.ts";
import type { Closers } from "./closers.ts";
import type { SessionOptions } from "./types.ts";

interface JudgeOptions extends Pick<SessionOptions, "config" | "env" | "run"> {
  readonly ledger: Pick<LedgerReader, "readStream"> & { readonly blobs: Pick<Blobs, "get"> };
  /** What a judge said already. */
  readonly verdicts?: Verdicts;
  /** Looks at the checkpoint whose tokenizer reads turns, before it is asked to. */
  readonly beforeReading?: () => Promise<void>;
}

/** Opens the components of the run's reward. */
export async function openJudge(
  { config, env, run, ledger, verdicts, beforeReading }: JudgeOptions,
  closers: Closers,
): Promise<OpenRewards["rewards"]> {
  const readBlob: Blobs["get"] = (name) => ledger.blobs.get(name);
  const ending = new AbortController();
  closers.add(() => ending.abort());
  const opened = await openRewards({
    config,
    env,
    verdicts,
    readImage: readBlob,
    playedBefore: playedBefore((...asked) => ledger.readStream(...asked), run, readBlob),
    comparePixels: pixelComparison(readBlob),
    parseAction: withModes(environmentOf(protocolOf(config))).parseAction,
    async openDecoder() {
      await beforeReading?.();
      const tokenizer = await openTokenizer(config.model.directory);
      return (ids) => turnText(tokenizer, ids);
    },
    signal: ending.signal,
  });
  closers.add(opened.close);
  return opened.rewards;
}
