// Only tokens that the model sampled carry loss: each has its log-prob, no other has one, and a
// gradient counts exactly those of its minibatch.
import type { Book } from "../book.ts";
import { type Check, type EventOf, firstFault } from "../check.ts";

export const tokens: Check<"turn.sampled" | "gradient.computed"> = {
  name: "tokens",
  about: "sampled tokens have log-probs, and they alone are counted in a loss",
  types: ["turn.sampled", "gradient.computed"],
  fault: (event, book) =>
    event.type === "turn.sampled" ? turnFault(event) : gradientFault(event, book),
};

function turnFault({ data }: EventOf<"turn.sampled">): string | null {
  const { ids, logProbs, unscored = false } = data;
  const wrong = logProbs.findIndex((value) => !(value <= 0));
  return firstFault(
    ids.length === 0 && "it has no token",
    logProbs.length !== (unscored ? 0 : ids.length) &&
      `${ids.length} tokens have ${logProbs.length} log-probs`,
    wrong >= 0 && `the log-prob of its token ${wrong} is ${logProbs[wrong]}`,
  );
}

function gradientFault(
  { data }: EventOf<"gradient.computed">,
  { batch, trajectories }: Book,
): string | null | undefined {
  const members = batch?.data.minibatches[data.minibatch];
  if (batch === null || members === undefined) return undefined;
  let sampled = 0;
  for (const index of members) {
    const stream = batch.data.trajectories[index] ?? "";
    sampled += trajectories.get(stream)?.sampled ?? 0;
  }
  if (data.tokens === sampled) return null;
  return (
    `${data.tokens} tokens carry loss, the model sampled ${sampled} in this minibatch` +
    (data.tokens > sampled ? ": others carry loss too" : "")
  );
}
