// A task that is ready to be played: the bytes of its images beside what the events record.
import { hashName, type Task } from "../events/index.ts";

/** A task and the bytes of its images, by content name in `task`. */
export interface PreparedTask {
  readonly task: Task;
  readonly image: Uint8Array;
  readonly reference: Uint8Array | null;
}

/** A task by its words; other keys of `words` are left behind. */
export function preparedTask(
  words: Pick<Task, "id" | "task" | "kind" | "question"> & { readonly answers: readonly string[] },
  image: Uint8Array,
  reference: Uint8Array | null,
): PreparedTask {
  const { id, task, kind, question, answers } = words;
  const names = { image: hashName(image), reference: reference && hashName(reference) };
  return { task: { id, task, kind, question, answers: [...answers], ...names }, image, reference };
}
