// Whether a server's log-probs are those of the distribution that it samples from. vLLM returns the
// model's own unless it is told otherwise, and importance weights over those would be wrong in
// silence. So it is measured: with only two tokens left, whose logits differ by d, the log-prob of
// the one that came is −ln(1 + exp(∓d / temperature)). One question gives d, another temperature has
// to agree with it.
import type { EngineAnswer, EngineQuestion } from "./dialect.ts";
import { EngineProtocolError, EngineSetupError } from "./errors.ts";
import type { EngineServer } from "./server.ts";

/** The two temperatures; every server takes both. */
const temperatures = [2, 1] as const;
/** What rounding may make of d / temperature, absolute and relative. */
const tolerance = 0.02;
/** Beyond this the log-prob of the likelier token is rounded to 0, nats. */
const differenceMax = 8;

/**
 * Asks two questions of one token.
 *
 * @param ids a short context; `pair`: two tokens that may be sampled
 * @throws EngineSetupError where the log-probs are those of another distribution
 */
export async function requireSamplersLogProbs(
  server: EngineServer,
  model: string,
  ids: readonly number[],
  pair: readonly [number, number],
): Promise<void> {
  const [warm, cold] = await Promise.all(
    temperatures.map((temperature, seed) => {
      const about = { model, ids, images: [], tokensMax: 1, stopIds: [], bannedIds: [] };
      const question: EngineQuestion = { ...about, temperature, seed, onlyIds: pair };
      return server.ask(question, (answer, request) => differenceOf(answer, request, pair));
    }),
  );
  if (warm === undefined || cold === undefined) return;
  // logit(p) = d / temperature, so the colder one is twice the warmer one.
  const expected = 2 * warm;
  if (Math.abs(expected) > differenceMax) {
    if (Math.sign(cold) === Math.sign(expected) && Math.abs(cold) > differenceMax / 2) return;
  } else if (Math.abs(cold - expected) <= tolerance * (1 + Math.abs(expected))) return;
  throw new EngineSetupError(
    `the server's log-probs are not those of the distribution that it samples from (two tokens ` +
      `differ by ${cold.toFixed(3)} nats at temperature 1, where ${expected.toFixed(3)} follow ` +
      `from temperature 2); start it as it must be: ${server.dialect.start}`,
  );
}

/** ln p(first) − ln p(second) by the log-prob of the one that came. */
function differenceOf(
  { ids, logProbs }: EngineAnswer,
  request: string,
  pair: readonly [number, number],
): number {
  const [id] = ids;
  const logProb = logProbs[0]?.logProb;
  if (id === undefined || logProb === undefined || !pair.includes(id)) {
    throw new EngineProtocolError(`${request}: token id ${id} came, though only ${pair} may`);
  }
  const p = Math.exp(logProb);
  const difference = logProb - Math.log1p(-Math.min(p, 1 - 1e-12));
  return id === pair[0] ? difference : -difference;
}
