// `varft model generate DIR --prompt T`: one answer, word by word.
import { deviceName, parseDevice } from "../../../events/index.ts";
import type { Command, Words } from "../../command.ts";
import { type Terminal, withoutSteering } from "../../terminal.ts";
import { short, thousands } from "../../text/index.ts";
import { anyNumber, deviceArg, deviceWord, wholeNumber } from "../../words/index.ts";
import { type Question, type Speech, speak } from "./speak.ts";

const tokensMaxDefault = 128;
const tokensMaxLimit = 32_768;
const temperatureMax = 10;
const seedMax = 2 ** 32 - 1;

export const generate: Command = {
  name: "generate",
  about: "Ask a checkpoint something, and watch it answer",
  args: {
    dir: { type: "positional", description: "Folder of the checkpoint" },
    prompt: { type: "string", valueHint: "TEXT", description: "What to ask (required)" },
    image: { type: "string", valueHint: "FILE", description: "PNG, JPEG or WebP; repeatable" },
    adapter: { type: "string", valueHint: "DIR", description: "LoRA adapter (PEFT) to put on" },
    "max-tokens": { type: "string", valueHint: "N", description: `At most (${tokensMaxDefault})` },
    temperature: {
      type: "string",
      valueHint: "T",
      description: "0 takes the likeliest token (default); 1 samples as a run does",
    },
    seed: { type: "string", valueHint: "N", description: "Of the samples (default: 1)" },
    device: deviceArg("cpu (default), cuda:N or webgpu:0"),
  },
  examples: [
    'varft model generate models/tiny --image photo.png --prompt "Read the two letters."',
    'varft model generate BASE --adapter ADAPTER --prompt "Hello" --temperature 1 --seed 7',
  ],
  async run(words, { terminal, json, signal, now }) {
    const question = questionOf(words);
    const told = new Telling(question, json, terminal);
    for await (const speech of speak(question, now, signal)) told.take(speech);
    return 0;
  },
};

function questionOf(words: Words): Question {
  return {
    directory: words.required("dir"),
    adapter: words.text("adapter") ?? null,
    images: words.list("image"),
    prompt: words.required("prompt"),
    tokensMax: wholeNumber(words, "max-tokens", tokensMaxDefault, { min: 1, max: tokensMaxLimit }),
    temperature: anyNumber(words, "temperature", 0, { min: 0, max: temperatureMax }),
    seed: wholeNumber(words, "seed", 1, { min: 0, max: seedMax }),
    device: parseDevice(deviceWord(words) ?? "cpu"),
  };
}

/** Writes the answer as it comes, and what it took at its end. */
class Telling {
  readonly #question: Question;
  readonly #json: boolean;
  readonly #terminal: Terminal;
  readonly #ids: number[] = [];
  #text = "";
  #promptTokens = 0;
  #readySeconds = 0;
  #firstSeconds: number | null = null;
  #lastSeconds = 0;

  constructor(question: Question, json: boolean, terminal: Terminal) {
    this.#question = question;
    this.#json = json;
    this.#terminal = terminal;
  }

  take(speech: Speech): void {
    switch (speech.type) {
      case "ready":
        this.#promptTokens = speech.promptTokens;
        this.#readySeconds = speech.seconds;
        // Nothing can be drawn while the engine reads: a large model takes its time for it.
        this.#note(`reading ${thousands(speech.promptTokens)} tokens of prompt ...`);
        return;
      case "tokens":
        if (this.#firstSeconds === null) this.#note("");
        this.#firstSeconds ??= speech.seconds;
        this.#lastSeconds = speech.seconds;
        this.#ids.push(...speech.ids);
        this.#say(speech.text, speech.ids);
        return;
      case "end":
        this.#say(speech.text, []);
        this.#end(speech.end);
    }
  }

  /** Replaces the line that says what is waited for. */
  #note(text: string): void {
    if (this.#terminal.isTty && !this.#json) this.#terminal.err(`\r\u001b[K${text}`);
  }

  #say(text: string, ids: readonly number[]): void {
    this.#text += text;
    if (!this.#json) this.#terminal.out(withoutSteering(text));
    else if (ids.length > 0) this.#line({ type: "tokens", ids, text });
  }

  #end(end: "stop" | "length"): void {
    const first = this.#firstSeconds ?? 0;
    const after = this.#lastSeconds - first;
    const tokens = this.#ids.length;
    // The first token comes with the reading of the prompt; speed is that of the others.
    const tokensPerSecond = after > 0 ? (tokens - 1) / after : null;
    const firstTokenSeconds = first - this.#readySeconds;
    const figures = { loadSeconds: this.#readySeconds, firstTokenSeconds, tokensPerSecond };
    if (this.#json) {
      const { directory, adapter, images, temperature, seed, device } = this.#question;
      const where = deviceName(device);
      const asked = { model: directory, adapter, images, temperature, seed, device: where };
      const answer = { text: this.#text, ids: this.#ids, end };
      const counts = { promptTokens: this.#promptTokens, tokens };
      this.#line({ type: "result", ...asked, ...answer, ...counts, ...figures });
      return;
    }
    const { tokensMax } = this.#question;
    const speed = tokensPerSecond === null ? "" : `, then ${short(tokensPerSecond)} tokens/s`;
    const cut = end === "length" ? `; cut off at --max-tokens ${tokensMax}` : "";
    this.#terminal.out("\n");
    this.#terminal.err(
      `${thousands(tokens)} tokens after ${thousands(this.#promptTokens)} of prompt: ready in ` +
        `${short(this.#readySeconds)} s, first token ${short(firstTokenSeconds)} s later${speed}${cut}\n`,
    );
  }

  #line(value: object): void {
    this.#terminal.out(`${JSON.stringify(value)}\n`);
  }
}
