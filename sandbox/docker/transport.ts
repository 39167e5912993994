// A container as a runner's way: its raw connection, its last words, its end.
import type { Duplex } from "node:stream";
import type { RunnerTransport } from "../runner/index.ts";
import { demultiplex } from "./demultiplex.ts";
import { type Engine, engineCall } from "./engine.ts";
import type { Removals } from "./removals.ts";

/** What is kept of a runner's standard error, for the message of its loss. */
const lastWordsCharactersMax = 2_000;
/** How long an engine is asked what became of a container; a call waits for the answer. */
const endMsMax = 3_000;

export class ContainerTransport implements RunnerTransport {
  readonly name: string;
  readonly #engine: Engine;
  readonly #removals: Removals;
  readonly #id: string;
  readonly #stream: Duplex;
  #words = "";
  #destroyed: Promise<void> | null = null;

  constructor(engine: Engine, removals: Removals, id: string, stream: Duplex) {
    this.name = id.slice(0, 12);
    this.#engine = engine;
    this.#removals = removals;
    this.#id = id;
    this.#stream = stream;
    // A reset connection ends the iteration below too; without a listener it would end the process.
    stream.on("error", () => undefined);
  }

  get output(): AsyncIterable<Uint8Array> {
    return this.#readOutput();
  }

  lastWords(): string {
    return this.#words;
  }

  async wasOutOfMemory(): Promise<boolean> {
    try {
      const container = this.#engine.docker.getContainer(this.#id);
      // Its output has ended, so that its end is near where it has not come yet.
      await engineCall(this.#engine, () => container.wait(), endMsMax);
      const { State } = await engineCall(this.#engine, () => container.inspect(), endMsMax);
      return State.OOMKilled;
    } catch {
      return false; // Nobody knows, so it is a loss like any other.
    }
  }

  async isRunning(): Promise<boolean> {
    try {
      const container = this.#engine.docker.getContainer(this.#id);
      const { State } = await engineCall(this.#engine, () => container.inspect(), endMsMax);
      return State.Running && !State.Paused;
    } catch {
      return false;
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#end();
    return this.#destroyed;
  }

  async *#readOutput(): AsyncGenerator<Uint8Array> {
    for await (const chunk of demultiplex(this.#stream)) {
      if (chunk.stream === "stdout") yield chunk.bytes;
      else this.#keepWords(chunk.bytes);
    }
  }

  #keepWords(bytes: Uint8Array): void {
    const all = this.#words + Buffer.from(bytes).toString("utf8");
    this.#words = all.slice(-lastWordsCharactersMax);
  }

  async #end(): Promise<void> {
    this.#stream.destroy();
    await this.#removals.remove(this.#id);
  }
}
