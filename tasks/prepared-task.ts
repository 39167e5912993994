// A task that is ready to be played: the bytes of its images beside what the events record.
import { hashName, type Task } from "../events/index.ts";

/** A task and the bytes of its images, by content name in `task`. */
export interface PreparedTask {
  readonly task: Task;
  readonly image: Uint8Array | null;
  readonly reference: Uint8Array | null;
}

/** What is said of a task, without its images. */
export interface TaskWords extends Pick<Task, "id" | "task" | "kind" | "question" | "step"> {
  readonly answers: readonly string[];
  readonly queries?: readonly string[] | undefined;
}

/** A task by its words; other keys of `words` are left behind. */
export function preparedTask(
  words: TaskWords,
  image: Uint8Array | null,
  reference: Uint8Array | null,
): PreparedTask {
  const { id, task, kind, question, answers, queries, step } = words;
  const names = { image: image && hashName(image), reference: reference && hashName(reference) };
  const told = { id, task, kind, question, answers: [...answers], ...names };
  const teacher = { ...(queries && { queries: [...queries] }), ...(step && { step }) };
  return { task: { ...told, ...teacher }, image, reference };
}
