// What makes an answer a turn. A server that returns text for tokens, tokens of another vocabulary,
// log-probs of other tokens or a turn of another context would train a wrong policy in silence, so
// nothing is mended here: what does not fit is an error.
import type { SampledTurn } from "../ports.ts";
import type { EngineAnswer } from "./dialect.ts";
import { EngineBusyError, EngineProtocolError } from "./errors.ts";

/** How far above 0 a log-prob may be by rounding, nats. */
const logProbMax = 1e-3;
/** vLLM writes −9999 for a log-prob that it has not got. */
const logProbMin = -9_000;

export interface AnswerRules {
  /** The context, images written out. */
  readonly context: Int32Array;
  readonly tokensMax: number;
  readonly stopIds: ReadonlySet<number>;
  readonly bannedIds: ReadonlySet<number>;
  readonly vocabularySize: number;
}

/**
 * The turn of a checked answer. Its entropy is estimated from the tokens that came, as the mean of
 * −log p: servers do not tell the distribution's own.
 *
 * @param request names it in errors
 * @throws EngineProtocolError where the answer is no turn of this context; EngineBusyError where
 * the server gave up half-way
 */
export function turnOf(request: string, answer: EngineAnswer, rules: AnswerRules): SampledTurn {
  const { ids, logProbs, finish, prompt } = answer;
  const fail = (what: string) => new EngineProtocolError(`${request}: ${what}`);
  if (finish === "aborted") throw new EngineBusyError(request, 200, "the turn was aborted", null);
  requireContext(prompt, rules.context, fail);
  if (ids.length === 0) throw fail("a turn without tokens");
  if (ids.length !== logProbs.length) {
    throw fail(`${logProbs.length} log-probs for ${ids.length} token ids`);
  }
  for (const [index, id] of ids.entries()) {
    const { id: scored, logProb } = logProbs[index] ?? { id: -1, logProb: Number.NaN };
    if (id < 0 || id >= rules.vocabularySize) {
      throw fail(`token id ${id} is beyond the vocabulary of ${rules.vocabularySize}`);
    }
    if (rules.bannedIds.has(id)) throw fail(`token id ${id} came back though it was banned`);
    if (scored !== id) throw fail(`token ${index} is ${id}, but its log-prob is that of ${scored}`);
    if (!(logProb <= logProbMax && logProb >= logProbMin)) {
      throw fail(`${logProb} is no log-prob of token ${index}`);
    }
  }
  requireEnd(answer, rules, fail);
  const values = Float32Array.from(logProbs, ({ logProb }) => logProb);
  const entropy = values.reduce((sum, value) => sum - value, 0) / values.length;
  return { ids: Int32Array.from(ids), logProbs: values, entropy, finish };
}

type Fail = (what: string) => EngineProtocolError;

function requireContext(prompt: readonly number[] | null, context: Int32Array, fail: Fail): void {
  if (prompt === null) {
    throw fail("it does not tell which context it read: a server of this version cannot be used");
  }
  const at = context.findIndex((id, index) => prompt[index] !== id);
  if (at === -1 && prompt.length === context.length) return;
  const place = at === -1 ? context.length : at;
  throw fail(
    `the server read another context: token ${place} is ${prompt[place]}, not ${context[place]} ` +
      `(${prompt.length} tokens, not ${context.length}). Does it serve the same checkpoint folder, ` +
      "its preprocessor_config.json included?",
  );
}

function requireEnd({ ids, finish }: EngineAnswer, rules: AnswerRules, fail: Fail): void {
  const { tokensMax, stopIds } = rules;
  const stopAt = ids.findIndex((id) => stopIds.has(id));
  if (ids.length > tokensMax) throw fail(`${ids.length} tokens, of at most ${tokensMax}`);
  if (finish === "stop" && stopAt !== ids.length - 1) {
    throw fail(`it stopped at token id ${ids.at(-1)}, which ends no turn here`);
  }
  if (finish === "length" && (stopAt !== -1 || ids.length < tokensMax)) {
    throw fail(
      `it was cut off after ${ids.length} of ${tokensMax} tokens: is the server's longest context ` +
        "below rollout.context_tokens_max?",
    );
  }
}
