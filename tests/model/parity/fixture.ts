// What tests/reference/qwen_parity.py recorded of transformers, torch and peft, and the model,
// images and rows that it recorded it of.
import { readdirSync, readFileSync } from "node:fs";
import type {
  ImageInput,
  LearnRow,
  ModelConfig,
  Sequence,
  TensorMap,
} from "../../../model/index.ts";
import { parseModelConfig } from "../../../model/index.ts";
import { type PatchGrid, patchCount } from "../../../model/input/index.ts";
import { spread, weightsOf } from "./formula.ts";

interface RecordedImage {
  readonly name: string;
  readonly grid: PatchGrid;
  /** The first values of the first image token, and the last of the last. */
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly projections: readonly number[];
}

export interface RecordedSequence {
  readonly name: string;
  readonly ids: readonly number[];
  readonly images: readonly string[];
  /** Indices of the tokens that the model sampled. */
  readonly chosen: readonly number[];
  /** Time, height and width position of each token. */
  readonly positions: readonly (readonly number[])[];
  readonly logits: {
    readonly places: readonly number[];
    readonly ids: readonly number[];
    /** [places][ids] */
    readonly values: readonly (readonly number[])[];
    /** Of all logits [tokens, vocabulary]. */
    readonly projections: readonly number[];
  };
  /** Of every token but the first. */
  readonly logProbs: readonly number[];
}

/** The likeliest tokens after the first `promptLength` ids of a sequence. */
interface RecordedGreedy {
  readonly sequence: string;
  readonly promptLength: number;
  readonly ids: readonly number[];
}

/** A loss over all sequences as one batch, and its gradient. */
export interface RecordedGradients {
  /** The coefficient of the KL term. */
  readonly divergence: number;
  /** Of the chosen tokens under the sampling distribution, row by row. */
  readonly logProbs: readonly number[];
  readonly entropies: readonly number[];
  readonly loss: number;
  /** By parameter: the norm, two projections, and the first values. */
  readonly gradients: Readonly<
    Record<string, readonly [norm: number, one: number, two: number, ...first: number[]]>
  >;
}

interface Recorded {
  /** Of the libraries, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** A `config.json` as published. */
  readonly config: unknown;
  /** The same as transformers 5 saves it. */
  readonly savedConfig: unknown;
  readonly banned: readonly number[];
  readonly images: readonly RecordedImage[];
  readonly sequences: readonly RecordedSequence[];
  readonly greedy: readonly RecordedGreedy[];
  readonly batch: {
    readonly temperature: number;
    readonly clipLow: number;
    readonly clipHigh: number;
    readonly full: readonly RecordedGradients[];
    readonly lora: {
      readonly rank: number;
      readonly alpha: number;
      readonly runs: readonly RecordedGradients[];
    };
  };
}

/** A fixture with what the formulas make of it. */
export interface Fixture {
  readonly name: string;
  readonly recorded: Recorded;
  readonly config: ModelConfig;
  readonly tensors: TensorMap;
  readonly images: ReadonlyMap<string, ImageInput>;
  /** The recorded sequences in order. */
  readonly rows: readonly LearnRow[];
}

const folder = new URL("../../fixtures/parity/", import.meta.url);

/** The names of all fixtures. */
export function fixtureNames(): readonly string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return files.map((file) => file.slice(0, -".json".length)).sort();
}

export function openFixture(name: string): Fixture {
  const recorded: Recorded = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
  const config = parseModelConfig(recorded.config, `${name}.json`);
  const images = new Map(recorded.images.map((image) => [image.name, imageOf(image, config)]));
  const rows = recorded.sequences.map(({ ids, images: names, chosen }) => ({
    ids,
    images: imagesNamed(names, images),
    chosen,
  }));
  return { name, recorded, config, tensors: weightsOf(config), images, rows };
}

/** What generation of `greedy` starts from. */
export function promptOf(fixture: Fixture, greedy: RecordedGreedy): Sequence {
  const at = fixture.recorded.sequences.findIndex(({ name }) => name === greedy.sequence);
  const row = fixture.rows[at];
  if (row === undefined) throw new Error(`there is no sequence ${greedy.sequence}`);
  return { ids: Array.from(row.ids).slice(0, greedy.promptLength), images: row.images };
}

function imageOf({ name, grid }: RecordedImage, { vision }: ModelConfig): ImageInput {
  const values = vision.channelCount * vision.temporalPatchSize * vision.patchSize ** 2;
  return { hash: name, grid, pixels: spread(`pixels ${name}`, patchCount(grid) * values, 0, 2) };
}

function imagesNamed(
  names: readonly string[],
  images: ReadonlyMap<string, ImageInput>,
): readonly ImageInput[] {
  return names.map((name) => {
    const image = images.get(name);
    if (image === undefined) throw new Error(`there is no image ${name}`);
    return image;
  });
}
