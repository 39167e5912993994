// What judges a run, out of its configuration.
import {
  type OpenRewards,
  openRewards,
  pixelComparison,
  turnText,
  type Verdicts,
} from "../../actors/index.ts";
import { protocolOf } from "../../config/index.ts";
import { openTokenizer } from "../../model/index.ts";
import type { Blobs } from "../../storage/index.ts";
import { environmentOf, withModes } from "../../tasks/index.ts";
import type { Closers } from "./closers.ts";
import type { SessionOptions } from "./types.ts";

interface JudgeOptions extends Pick<SessionOptions, "config" | "env"> {
  /** What a judge said already. */
  readonly verdicts?: Verdicts;
}

/** Opens the components of the run's reward. */
export async function openJudge(
  { config, env, verdicts }: JudgeOptions,
  readImage: Blobs["get"],
  closers: Closers,
): Promise<OpenRewards["rewards"]> {
  const ending = new AbortController();
  closers.add(() => ending.abort());
  const opened = await openRewards({
    config,
    env,
    verdicts,
    readImage,
    comparePixels: pixelComparison(readImage),
    parseAction: withModes(environmentOf(protocolOf(config))).parseAction,
    async openDecoder() {
      const tokenizer = await openTokenizer(config.model.directory);
      return (ids) => turnText(tokenizer, ids);
    },
    signal: ending.signal,
  });
  closers.add(opened.close);
  return opened.rewards;
}
