// Configurations that earlier versions recorded, in today's words, so that their runs can be told.
import { isTable } from "./case.ts";

type Table = Readonly<Record<string, unknown>>;

/** The recorded configuration with keys that have other names now (in camel case). */
export function recordedBefore(recorded: Table): Table {
  const { learner } = recorded;
  if (!isTable(learner)) return recorded;
  const { klCoefficient, importanceCap, ...rest } = learner;
  const kl = klCoefficient === 0 ? { type: "none" } : { type: "k3", coefficient: klCoefficient };
  const importance = { type: "token", cap: importanceCap };
  return {
    ...recorded,
    learner: {
      ...rest,
      ...(klCoefficient === undefined ? {} : { kl }),
      ...(importanceCap === undefined ? {} : { importance }),
    },
  };
}
