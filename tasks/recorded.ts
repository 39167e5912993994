// One task as it was recorded, for a run that takes up where another one was.
import { assert, type HashName, type Task } from "../events/index.ts";
import { TaskSourceError } from "./errors.ts";
import type { PreparedTask } from "./prepared-task.ts";
import type { TaskSource } from "./source.ts";

/** A source of this task and no other, under any name of a set. `readBlob` gives its images. */
export function recordedSource(
  task: Task,
  readBlob: (name: HashName) => Promise<Uint8Array | null>,
): TaskSource {
  const read = async (name: HashName | null): Promise<Uint8Array | null> => {
    if (name === null) return null;
    const bytes = await readBlob(name);
    if (bytes === null) throw new TaskSourceError(`the image ${name} of ${task.id} is not stored`);
    return bytes;
  };
  return {
    trainingTasks: 0,
    training: () => Promise.reject(new TaskSourceError("a recorded task is not trained on")),
    async evaluation(_, count, first = 0): Promise<readonly PreparedTask[]> {
      assert(count === 1 && first === 0, "one task was recorded");
      const [image, reference] = [await read(task.image), await read(task.reference)];
      return [{ task, image, reference }];
    },
  };
}
