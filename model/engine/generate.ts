// Samples turns: packs rows into one run of the generate graph and cuts its results apart.
import { assert } from "../../events/index.ts";
import type { TensorMap } from "../qwen/index.ts";
import type { PolicyParts, SamplingSettings } from "./parts.ts";
import { samplingFeeds } from "./parts.ts";
import type { Sequence } from "./sequences.ts";
import { sequenceFeeds } from "./sequences.ts";
import type { Feeds, Results } from "./session.ts";
import { floatResult, floats, integerResult, integers, truths } from "./session.ts";

/** One turn to sample. Rows with the same `context` object share its reading. */
export interface GenerateRow {
  readonly context: Sequence;
  /** One number in [0, 1) per token to come, at least `tokensMax` of them. */
  readonly uniforms: Float32Array;
  readonly tokensMax: number;
}

/** Settings of all rows of a call. */
export interface GenerateOptions extends SamplingSettings {
  /** Take the likeliest token instead of drawing one. */
  readonly greedy?: boolean;
  /** Token ids that end a turn; the token itself belongs to the turn. */
  readonly stopIds: readonly number[];
}

/**
 * A sampled turn: ids, and per token its log-probability and the entropy it was drawn at, in nats.
 */
export interface Turn {
  readonly ids: Int32Array;
  readonly logProbs: Float32Array;
  readonly entropies: Float32Array;
  readonly end: "stop" | "length";
}

/** The fewest rows of a run: matrix products need two rows to round alike. */
const rowsMin = 2;

/** Samples one turn per row. */
export async function runGenerate(
  parts: PolicyParts,
  parameters: TensorMap,
  rows: readonly GenerateRow[],
  options: GenerateOptions,
): Promise<readonly Turn[]> {
  if (rows.length === 0) return [];
  const padded = paddedRows(rows);
  const results = await parts.session.run(await turnFeeds(parts, parameters, padded, options));
  const stops = new Set(options.stopIds);
  return rows.map((row, index) => cutTurn(results, row, index, padded.length, stops));
}

/** The rows, the first one repeated up to the least number. */
export function paddedRows(rows: readonly GenerateRow[]): readonly GenerateRow[] {
  const [first] = rows;
  assert(first !== undefined, "there is a row to repeat");
  const missing = Math.max(0, rowsMin - rows.length);
  return [...rows, ...new Array<GenerateRow>(missing).fill(first)];
}

/** All feeds of a run that samples one turn per row; `padded` has at least two rows. */
export async function turnFeeds(
  parts: PolicyParts,
  parameters: TensorMap,
  padded: readonly GenerateRow[],
  options: GenerateOptions,
): Promise<Feeds> {
  const contexts = [...new Set(padded.map(({ context }) => context))];
  const sequences = sequenceFeeds(contexts, parts.config, parts.rope);
  const tokens = Math.max(...padded.map(({ tokensMax }) => tokensMax));
  const images = await imageFeeds(parts, parameters, sequences);
  return new Map([
    ...parts.parameters,
    ...sequences.feeds,
    ...images,
    ...rowFeeds(padded, contexts, sequences.nextPositions),
    ...settingFeeds(parts, options, tokens, sequences),
  ]);
}

/** Encoded images of a batch as feeds, an image that occurs twice only once. */
export async function imageFeeds(
  parts: Pick<PolicyParts, "config" | "encoder">,
  parameters: TensorMap,
  sequences: Pick<ReturnType<typeof sequenceFeeds>, "images" | "imagePositions">,
): Promise<Feeds> {
  const size = parts.config.text.hiddenSize;
  const unique = [...new Map(sequences.images.map((image) => [image.hash, image])).values()];
  const encoded = await parts.encoder.encode(parameters, unique);
  const total = encoded.reduce((sum, rows) => sum + rows.length, 0);
  // Without images one row of zeros is fed, which no place refers to.
  const data = new Float32Array(Math.max(total, size));
  const starts = new Map<string, number>();
  let at = 0;
  for (const [index, image] of unique.entries()) {
    const rows = encoded[index];
    assert(rows !== undefined, "every image is encoded");
    starts.set(image.hash, at / size);
    data.set(rows, at);
    at += rows.length;
  }
  const source = sequences.images.flatMap((image) => {
    const count =
      (encoded[unique.findIndex(({ hash }) => hash === image.hash)]?.length ?? 0) / size;
    const start = starts.get(image.hash) ?? 0;
    return Array.from({ length: count }, (_, token) => start + token);
  });
  const places = sequences.imagePositions.length;
  assert(source.length === places, "images and image tokens do not match");
  return new Map([
    ["imageRows", floats(data, [data.length / size, size])],
    ["imageSource", integers(source, [places])],
    ["imagePositions", integers(sequences.imagePositions, [places])],
  ]);
}

function rowFeeds(
  rows: readonly GenerateRow[],
  contexts: readonly Sequence[],
  nextPositions: readonly number[],
) {
  const numbers = new Map(contexts.map((context, number) => [context, number]));
  const contextOf = rows.map(({ context }) => numbers.get(context) ?? 0);
  const perRow = (values: readonly number[]) => integers(values, [rows.length]);
  return [
    ["rowContext", perRow(contextOf)],
    ["rowLength", perRow(rows.map(({ context }) => context.ids.length))],
    ["rowPosition", perRow(contextOf.map((context) => nextPositions[context] ?? 0))],
    ["rowLimit", perRow(rows.map(({ tokensMax }) => tokensMax))],
    ["uniforms", uniformFeed(rows)],
  ] as const;
}

function uniformFeed(rows: readonly GenerateRow[]) {
  const tokens = Math.max(...rows.map(({ tokensMax }) => tokensMax));
  const data = new Float32Array(tokens * rows.length);
  for (const [row, { uniforms, tokensMax }] of rows.entries()) {
    assert(uniforms.length >= tokensMax && tokensMax > 0, `row ${row} needs a uniform per token`);
    for (let token = 0; token < tokensMax; token++)
      data[token * rows.length + row] = uniforms[token] ?? 0;
  }
  return floats(data, [tokens, rows.length]);
}

function settingFeeds(
  { config, rope }: PolicyParts,
  options: GenerateOptions,
  tokens: number,
  sequences: ReturnType<typeof sequenceFeeds>,
) {
  const { length, nextPositions } = sequences;
  const columns = length + tokens;
  const positions = Math.max(...nextPositions) + tokens;
  const { cosine, sine } = rope.upTo(positions);
  const stops = new Array<boolean>(config.text.vocabularySize).fill(false);
  for (const id of options.stopIds) stops[id] = true;
  const lengths = sequences.lengths.map((count, row) => row * length + count - 1);
  return [
    ["lastToken", integers(lengths, [lengths.length])],
    [
      "columnNumbers",
      integers(
        Int32Array.from({ length: columns }, (_, at) => at),
        [columns],
      ),
    ],
    ["cosineTable", floats(cosine, [positions, rope.half])],
    ["sineTable", floats(sine, [positions, rope.half])],
    ["greedy", truths([options.greedy === true], [])],
    ["stops", truths(stops, [config.text.vocabularySize])],
    ["rounds", integers([tokens - 1], [])],
    ...samplingFeeds(options, config),
  ] as const;
}

function cutTurn(
  results: Results,
  row: GenerateRow,
  index: number,
  rows: number,
  stops: ReadonlySet<number>,
): Turn {
  const join =
    <T extends Int32Array | Float32Array>(first: T, rest: T) =>
    (token: number) =>
      (token === 0 ? first[index] : rest[(token - 1) * rows + index]) ?? 0;
  const tokenAt = join(integerResult(results, "firstTokens"), integerResult(results, "tokens"));
  let length = 1;
  while (length < row.tokensMax && !stops.has(tokenAt(length - 1))) length++;
  const floatsOf = (first: string, rest: string) => {
    const at = join(floatResult(results, first), floatResult(results, rest));
    return Float32Array.from({ length }, (_, token) => at(token));
  };
  return {
    ids: Int32Array.from({ length }, (_, token) => tokenAt(token)),
    logProbs: floatsOf("firstLogProbs", "logProbs"),
    entropies: floatsOf("firstEntropies", "entropies"),
    end: stops.has(tokenAt(length - 1)) ? "stop" : "length",
  };
}
