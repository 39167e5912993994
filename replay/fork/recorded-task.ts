// The task of a trajectory, as its step or evaluation recorded it.
import { type StepName, streams, type Task } from "../../events/index.ts";
import type { LedgerReader } from "../../storage/index.ts";

/** The task of a group; null where the ledger does not say. */
export async function recordedTask(
  reader: Pick<LedgerReader, "readStream">,
  run: string,
  { step, group }: { readonly step: StepName; readonly group: number },
): Promise<Task | null> {
  const isStep = typeof step === "number";
  const stream = isStep ? streams.run(run) : streams.evaluation(run, Number(step.slice(1)));
  const type = isStep ? "step.planned" : "evaluation.started";
  for (const event of await reader.readStream(stream)) {
    if (event.type !== type) continue;
    const data = event.data as { readonly step?: number; readonly tasks: readonly Task[] };
    if (!isStep || data.step === step) return data.tasks[group] ?? null;
  }
  return null;
}
