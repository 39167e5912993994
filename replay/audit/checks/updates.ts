// Learning goes on from where it was: every batch and every new policy starts from the last one's
// hashes, with one gradient for each of its minibatches.
import type { Book } from "../book.ts";
import { type Check, type EventOf, firstFault } from "../check.ts";
import { settingsOf } from "../settings.ts";

type UpdateType = "batch.assembled" | "gradient.computed" | "policy.updated";

export const updates: Check<UpdateType> = {
  name: "updates",
  about: "every policy and optimizer starts where the last one ended",
  types: ["batch.assembled", "gradient.computed", "policy.updated"],
  fault(event, book) {
    if (event.type === "batch.assembled") return fromFault(event.data, book);
    if (event.type === "gradient.computed") return gradientFault(event, book);
    return updateFault(event, book);
  },
};

function fromFault(
  { policy, optimizer }: { readonly policy: string; readonly optimizer: string },
  book: Book,
): string | null {
  return firstFault(
    policy !== book.policy && `it starts from the policy ${policy}, the last one is ${book.policy}`,
    optimizer !== book.optimizer &&
      `it starts from the optimizer ${optimizer}, the last one is ${book.optimizer}`,
  );
}

function gradientFault({ data }: EventOf<"gradient.computed">, book: Book): string | null {
  const { batch } = book;
  if (batch === null) return "there is no batch to learn from";
  const { mismatchMax } = settingsOf(book);
  return firstFault(
    data.step !== batch.data.step && `it is of step ${data.step}, not of ${batch.data.step}`,
    data.minibatch !== batch.gradients &&
      `it is of minibatch ${data.minibatch}, not of ${batch.gradients}`,
    data.minibatch >= batch.data.minibatches.length &&
      `the batch has ${batch.data.minibatches.length} minibatches`,
    !(data.mismatchMax <= mismatchMax) &&
      `sampler and learner differ by ${data.mismatchMax} nats, the run allows ${mismatchMax}`,
  );
}

function updateFault({ data }: EventOf<"policy.updated">, book: Book): string | null {
  const { batch } = book;
  if (batch === null) return "there is no batch that was learned";
  return firstFault(
    data.step !== batch.data.step && `it is of step ${data.step}, not of ${batch.data.step}`,
    batch.gradients !== batch.data.minibatches.length &&
      `${batch.data.minibatches.length} minibatches have ${batch.gradients} gradients`,
    fromFault({ policy: data.policyBefore, optimizer: data.optimizerBefore }, book),
    batch.gradients === 0 &&
      data.policyAfter !== data.policyBefore &&
      "the policy changed without a gradient",
  );
}
