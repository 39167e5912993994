// One answer of a model to one prompt, told as it comes: opening, sampling, and text from tokens.
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { vocabularyOf } from "../../../actors/index.ts";
import { type Device, ensureError, hashName, RandomStream } from "../../../events/index.ts";
import {
  adapterPolicy,
  type ChatContent,
  decodeImage,
  fileExists,
  generationConfigFile,
  type ImageInput,
  imageSideMin,
  imageTokenCount,
  type ModelConfig,
  openAdapter,
  openPolicy,
  openTokenizer,
  preprocessImage,
  readConfig,
  readGenerationConfig,
  readPreprocessor,
  requireVocabulary,
  type Tokenizer,
} from "../../../model/index.ts";
import { NotFoundError } from "../../errors.ts";

/** What is asked of which model. */
export interface Question {
  readonly directory: string;
  readonly adapter: string | null;
  readonly images: readonly string[];
  readonly prompt: string;
  readonly tokensMax: number;
  /** 0 takes the likeliest token. */
  readonly temperature: number;
  readonly seed: number;
  readonly device: Device;
}

/** What happens while a model answers. Seconds are counted from the call. */
export type Speech =
  | { readonly type: "ready"; readonly promptTokens: number; readonly seconds: number }
  | {
      readonly type: "tokens";
      readonly ids: readonly number[];
      /** What became readable: characters can take several tokens. */
      readonly text: string;
      readonly seconds: number;
    }
  | { readonly type: "end"; readonly end: "stop" | "length"; readonly text: string };

/** Opens the model, asks it, and closes it. `now` in milliseconds. */
export async function* speak(
  question: Question,
  now: () => number,
  signal: AbortSignal,
): AsyncGenerator<Speech> {
  const startedMs = now();
  const seconds = () => (now() - startedMs) / 1_000;
  const { directory, adapter, temperature } = question;
  const config = await readConfig(directory);
  const tokenizer = await openTokenizer(directory);
  requireVocabulary(directory, tokenizer, config);
  const { ids, images } = await readPrompt(question, tokenizer, config);
  const adapted =
    adapter === null ? null : await adapterPolicy(await openAdapter(adapter, config), config);
  const policy = await openPolicy({
    directory,
    tuning: adapted?.tuning ?? { type: "none" },
    threads: availableParallelism(),
    device: question.device,
    roles: ["stream", ...(images.length === 0 ? [] : (["vision"] as const))],
  });
  try {
    signal.throwIfAborted();
    yield { type: "ready", promptTokens: ids.length, seconds: seconds() };
    const random = new RandomStream(question.seed, "generate");
    const uniforms = Float32Array.from({ length: question.tokensMax }, () => random.uniform());
    const row = { context: { ids, images }, uniforms, tokensMax: question.tokensMax };
    const { stopIds, bannedIds } = await endsOf(directory, tokenizer, config);
    const greedy = temperature === 0;
    const options = { temperature: greedy ? 1 : temperature, greedy, stopIds, bannedIds };
    const text = new TextOfTokens(tokenizer, stopIds);
    const parameters = adapted?.parameters ?? policy.trainable;
    const lengthOf = growingPieces(now);
    for await (const piece of policy.stream(parameters, row, options, lengthOf)) {
      signal.throwIfAborted();
      const ids = [...piece.ids];
      yield { type: "tokens", ids, text: text.add(ids), seconds: seconds() };
      if (piece.end !== undefined) yield { type: "end", end: piece.end, text: text.rest() };
    }
  } finally {
    await policy.close();
  }
}

/** The prompt as ids, its images before its words. */
async function readPrompt(
  { directory, images: files, prompt }: Question,
  tokenizer: Tokenizer,
  { vision }: ModelConfig,
): Promise<{ readonly ids: readonly number[]; readonly images: readonly ImageInput[] }> {
  const images: ImageInput[] = [];
  const counts: number[] = [];
  if (files.length > 0) {
    const preprocessor = await readPreprocessor(directory, vision);
    for (const file of files) {
      const bytes = await readFile(file).catch((error: unknown) => {
        throw new NotFoundError(`cannot read ${file}: ${ensureError(error).message}`);
      });
      const image = await decodeImage(bytes, { source: file, sideMin: imageSideMin });
      const prepared = preprocessImage(image, preprocessor, file);
      images.push({ hash: hashName(bytes), ...prepared });
      counts.push(imageTokenCount(prepared.grid, preprocessor.mergeSize));
    }
  }
  const content: ChatContent = [
    ...images.map(() => ({ type: "image" }) as const),
    { type: "text", text: prompt },
  ];
  const options = { addGenerationPrompt: true, imageTokenCounts: counts };
  return { ids: tokenizer.encodeChat([{ role: "user", content }], options), images };
}

/** The ids that end a turn by the folder's own word, too; such ids may be sampled. */
async function endsOf(directory: string, tokenizer: Tokenizer, config: ModelConfig) {
  const vocabulary = vocabularyOf(tokenizer, config);
  const isTold = await fileExists(join(directory, generationConfigFile));
  const told = isTold ? (await readGenerationConfig(directory, config.text)).endIds : [];
  const stopIds = [...new Set([...vocabulary.stopIds, ...told])];
  const bannedIds = vocabulary.bannedIds.filter((id) => !stopIds.includes(id));
  return { stopIds, bannedIds };
}

const pieceTokensMax = 16;
/** Pieces grow as long as a token of a longer one takes at most this share of the time. */
const cheaperShare = 0.9;

/**
 * How many tokens are waited for at a time. A run of the engine costs something by itself, more in
 * a large model than in a small one: pieces double until that no longer shows.
 */
function growingPieces(now: () => number): () => number {
  let length = 0;
  let askedMs = 0;
  let leastMs = Number.POSITIVE_INFINITY;
  return () => {
    const perTokenMs = (now() - askedMs) / length;
    if (length === 0) length = 1;
    else if (perTokenMs < cheaperShare * leastMs) {
      leastMs = perTokenMs;
      length = Math.min(pieceTokensMax, 2 * length);
    }
    askedMs = now();
    return length;
  };
}

/** Text that is complete, from tokens that may end within a character. */
class TextOfTokens {
  readonly #tokenizer: Tokenizer;
  readonly #silent: ReadonlySet<number>;
  #pending: number[] = [];

  constructor(tokenizer: Tokenizer, silent: readonly number[]) {
    this.#tokenizer = tokenizer;
    this.#silent = new Set(silent);
  }

  /** What became readable. */
  add(ids: readonly number[]): string {
    this.#pending.push(...ids.filter((id) => !this.#silent.has(id)));
    // A character has at most four bytes: what lies further back cannot change.
    for (let kept = 0; kept <= Math.min(3, this.#pending.length); kept++) {
      const whole = this.#pending.slice(0, this.#pending.length - kept);
      const text = this.#tokenizer.decode(whole);
      if (text.endsWith("\ufffd")) continue;
      this.#pending = this.#pending.slice(whole.length);
      return text;
    }
    return "";
  }

  /** What never became a character, as it is. */
  rest(): string {
    return this.#tokenizer.decode(this.#pending);
  }
}
