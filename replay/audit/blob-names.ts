// Which blobs an event says are stored.
import { type HashName, namedBlobs, type Task } from "../../events/index.ts";
import type { AuditEvent, Book } from "./book.ts";

/** What of a run tells which blobs are stored. */
type Start = Pick<Book, "run">;

/** The blobs that must be there because of `event`. */
export function blobNames({ type, data }: AuditEvent, book: Start): readonly HashName[] {
  switch (type) {
    case "run.started":
      // A base is a folder of its own; whoever starts from it alone stores nothing.
      return [
        ...[data.policy, data.optimizer].filter((name) => name !== data.base),
        ...(data.parent === undefined ? [] : namedBlobs(data.parent)),
      ];
    case "step.planned":
    case "evaluation.started":
      return data.tasks.flatMap(imagesOf);
    case "trajectory.started":
    case "turn.prompted":
      return data.images;
    case "tool.called":
    case "tool.returned":
      return present(data.image);
    case "gradient.computed":
      return data.stored ? [data.gradient] : [];
    case "policy.updated":
      return [
        ...(data.policyAfter === book.run?.base ? [] : [data.policyAfter]),
        ...(data.optimizerStored ? [data.optimizerAfter] : []),
      ];
    default:
      return [];
  }
}

function imagesOf({ image, reference }: Task): HashName[] {
  return [...present(image), ...present(reference)];
}

function present(name: HashName | null): HashName[] {
  return name === null ? [] : [name];
}
