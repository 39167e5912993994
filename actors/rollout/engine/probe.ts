// Whether a server's log-probs are those of the distribution that it samples from. vLLM returns
// the model's own unless it is told otherwise, and importance weights over those would be wrong in
// silence. So it is measured: with only two tokens left, whose logits differ by d, the log-prob of
// the one that came is −ln(1 + exp(∓d / temperature)). One question gives d, another temperature
// has to agree with it.
import type { EngineAnswer, EngineQuestion } from "./dialect.ts";
import { EngineProtocolError, EngineSetupError } from "./errors.ts";
import type { EngineServer } from "./server.ts";

/** The two temperatures; every server takes both. */
const temperatures = [2, 1] as const;
/** What rounding may make of d / temperature, relative to 1 + its size. */
const tolerance = 0.02;
/** A pair whose logits differ by more says too little: one of the log-probs is rounded to 0. */
const differenceMax = 8;

type Pair = readonly [number, number];

/**
 * Asks questions of one token until a pair of tokens tells.
 *
 * @param ids a short context; `pairs`: tokens that may be sampled, two by two
 * @throws EngineSetupError where the log-probs are those of another distribution
 */
export async function requireSamplersLogProbs(
  server: EngineServer,
  model: string,
  ids: readonly number[],
  pairs: readonly Pair[],
): Promise<void> {
  const seen: string[] = [];
  for (const pair of pairs) {
    const about = { model, ids, images: [], tokensMax: 1, stopIds: [], bannedIds: [] };
    const ask = (temperature: number, seed: number): Promise<number> => {
      const question: EngineQuestion = { ...about, temperature, seed, onlyIds: pair };
      return server.ask(question, (answer, request) => differenceOf(answer, request, pair));
    };
    const warm = await ask(temperatures[0], 0);
    const expected = (warm * temperatures[0]) / temperatures[1];
    if (Math.abs(expected) > differenceMax) continue;
    const cold = await ask(temperatures[1], 1);
    if (Math.abs(cold - expected) <= tolerance * (1 + Math.abs(expected))) return;
    seen.push(`${cold.toFixed(3)} nats where ${expected.toFixed(3)} are right`);
    break;
  }
  throw new EngineSetupError(
    `the server's log-probs are not those of the distribution that it samples from ` +
      `(${seen[0] ?? "of two tokens left, one always seems impossible"}); start it as it must be: ` +
      server.dialect.start,
  );
}

/** ln p(first) − ln p(second) by the log-prob of the one that came. */
function differenceOf({ ids, logProbs }: EngineAnswer, request: string, pair: Pair): number {
  const [id] = ids;
  const logProb = logProbs[0]?.logProb;
  if (id === undefined || logProb === undefined || !pair.includes(id)) {
    throw new EngineProtocolError(`${request}: token id ${id} came, though only ${pair} may`);
  }
  const p = Math.exp(logProb);
  const difference = logProb - Math.log1p(-Math.min(p, 1 - 1e-12));
  return id === pair[0] ? difference : -difference;
}
