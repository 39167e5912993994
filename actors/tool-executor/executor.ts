// Has tools called for trajectories. Answers calls and is not folded: what a call gave is recorded
// by the trajectory that made it.
//
// 1. Equal executions (program, image, sandbox) and equal queries are carried out once per run
//    while they are remembered, programs that the ledger holds from before this head among them;
//    `observed.source` says where an answer comes from, and is no part of the result.
// 2. A lost engine is an error that the caller repeats; the model never sees it.
// 3. At most `callsActiveMax` programs are executed at once, the others wait. How many queries are
//    asked at once is the search's own concern.
import { assert, type HashName, sha256Hex } from "../../events/index.ts";
import { normalizeQuery, programWords } from "../../sandbox/index.ts";
import { EvidenceError } from "../errors.ts";
import type { ToolReply, ToolRequest } from "../protocol.ts";
import type { ProgramRunner, SearchEngine } from "./ports.ts";

/** Answers that are remembered. */
export const answersRememberedMax = 8_192;
/** What a program is answered where the question is about no image. */
const noImageWords = "there is no image to work on";
/** Characters of what a tool says that reach the model. */
export const toolTextCharsMax = 2_000;

export interface ToolExecutorOptions {
  readonly runner: ProgramRunner;
  readonly search: SearchEngine;
  readonly blobs: {
    get(name: HashName): Promise<Uint8Array | null>;
    put(bytes: Uint8Array): Promise<HashName>;
  };
  /** Executions at once. */
  readonly callsActiveMax: number;
  /** False: every program is executed, equal or not. True by default. */
  readonly remember?: boolean;
}

/** A program's `tool.called` and `tool.returned`, as far as they are a question and its answer. */
type RecordedCall = Pick<ToolRequest, "input" | "image">;
type RecordedAnswer = Omit<ToolReply, "observed"> & {
  readonly observed?: ToolReply["observed"] | undefined;
};

type Memory = Map<string, Promise<ToolReply>>;

/** The tools of a run. */
export class ToolExecutor {
  readonly #options: ToolExecutorOptions;
  readonly #memory: Memory = new Map();
  readonly #closing = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(options: ToolExecutorOptions) {
    this.#options = options;
  }

  /** Answers a call. */
  async execute(request: ToolRequest): Promise<ToolReply> {
    if (request.tool === "python" && request.image === null) {
      return { cause: "no-image", text: noImageWords, image: null, observed: { source: "none" } };
    }
    if (request.tool === "python" && !request.tools) {
      const { image } = request;
      return { cause: "ok", text: "", image, observed: { source: "unchanged" } };
    }
    const key = this.#key(request);
    const known = this.#memory.get(key);
    if (known !== undefined) {
      const reply = await known;
      return { ...reply, observed: { ...reply.observed, source: "remembered" } };
    }
    const isSearch = request.tool === "search";
    const answer = isSearch ? this.#ask(request) : this.#execute(request);
    if (isSearch || this.#options.remember !== false) this.#remember(key, answer);
    return answer;
  }

  /**
   * Takes over what the ledger holds of a program: it was recorded in this run, whose numeric class
   * pins what programs run on.
   */
  recall({ input, image }: RecordedCall, answer: RecordedAnswer): void {
    if (this.#options.remember === false || answer.observed?.["source"] !== "executed") return;
    const key = this.#key({ tool: "python", input, image });
    this.#remember(key, Promise.resolve({ ...answerOf(answer), observed: answer.observed }));
  }

  /** Ends calls under way. */
  close(): void {
    this.#closing.abort();
  }

  #key({ tool, input, image }: Omit<ToolRequest, "tools">): string {
    if (tool === "search") return sha256Hex(JSON.stringify([tool, normalizeQuery(input)]));
    return sha256Hex(JSON.stringify([tool, input, image, this.#options.runner.digest]));
  }

  #remember(key: string, answer: Promise<ToolReply>): void {
    this.#memory.set(key, answer);
    // A failure is not an answer: the next call tries anew.
    answer.catch(() => this.#memory.delete(key));
    for (const oldest of this.#memory.keys()) {
      if (this.#memory.size <= answersRememberedMax) break;
      this.#memory.delete(oldest);
    }
  }

  async #execute(request: ToolRequest): Promise<ToolReply> {
    while (this.#active >= this.#options.callsActiveMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#active += 1;
    try {
      return await this.#run(request);
    } finally {
      this.#active -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #run({ input, image }: ToolRequest): Promise<ToolReply> {
    assert(image !== null, "a program works on an image");
    const { blobs, runner } = this.#options;
    const bytes = await blobs.get(image);
    if (bytes === null) throw new EvidenceError(`the image ${image} is not stored`);
    const result = await runner.execute({ program: input, image: bytes }, this.#closing.signal);
    const output = result.image === null ? null : await blobs.put(result.image);
    return {
      cause: result.cause,
      text: bounded(programWords(result)),
      image: output,
      observed: { ...result.observed, source: "executed" },
    };
  }

  async #ask({ input }: ToolRequest): Promise<ToolReply> {
    const { text, observed } = await this.#options.search.query(input, this.#closing.signal);
    return {
      cause: "ok",
      text: bounded(text),
      image: null,
      // What a store has answered says so itself.
      observed: { source: "executed", ...observed },
    };
  }
}

const answerOf = ({ cause, text, image }: RecordedAnswer) => ({ cause, text, image });

/** Cuts what a tool says to `charsMax` characters, the mark of the cut included. */
export function bounded(text: string, charsMax: number = toolTextCharsMax): string {
  if (text.length <= charsMax) return text;
  // A cut through a surrogate pair would leave half a character, which no codec takes.
  return `${text.slice(0, charsMax - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
