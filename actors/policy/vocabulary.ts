// Which tokens a policy may sample. The learner applies the same ban.
import type { ModelConfig, Tokenizer } from "../../model/index.ts";

export interface Vocabulary {
  /** A turn ends with one of these; the token itself is part of the turn. */
  readonly stopIds: readonly number[];
  /** Images, roles and padding, and ids that stand for no token. */
  readonly bannedIds: readonly number[];
}

/** The vocabulary of a checkpoint. */
export function vocabularyOf(tokenizer: Tokenizer, { text }: ModelConfig): Vocabulary {
  const stopIds = [tokenizer.endOfTurnId];
  const special = tokenizer.specialIds.filter((id) => !stopIds.includes(id));
  const empty: number[] = [];
  for (let id = tokenizer.vocabularySize; id < text.vocabularySize; id++) empty.push(id);
  return { stopIds, bannedIds: [...special, ...empty] };
}
