// Programs that earlier sessions of a run executed, for the executor's memory: found while the
// ledger's events go by, in their order.
import type { ToolExecutor } from "../../actors/index.ts";
import type { EventData, EventEnvelope } from "../../events/index.ts";

/** The latest so many; an executor remembers no more. */
const foundMax = 8_192;

type Call = EventData<"tool.called">;
type Answer = EventData<"tool.returned">;

export class EarlierPrograms {
  /** The call of each stream that waits for its answer. */
  readonly #open = new Map<string, Call>();
  readonly #found: { readonly call: Call; readonly answer: Answer }[] = [];

  note({ type, stream, data }: EventEnvelope): void {
    if (type === "tool.called") this.#open.set(stream, data as Call);
    if (type !== "tool.returned") return;
    const call = this.#open.get(stream);
    this.#open.delete(stream);
    if (call?.tool !== "python") return;
    this.#found.push({ call, answer: data as Answer });
    if (this.#found.length > foundMax) this.#found.shift();
  }

  tell(tools: Pick<ToolExecutor, "recall">): void {
    for (const { call, answer } of this.#found) tools.recall(call, answer);
  }
}
