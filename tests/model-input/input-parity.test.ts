// Goal: files, settings and chats become the pixels, grids and ids that transformers' own slow
// processor makes of them, byte by byte.
// Method: what it made (tests/reference/input_parity.py), compared by hash.
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type ChatMessage,
  type ChatPart,
  createTokenizer,
  decodeImage,
  gridOf,
  imageTokenCount,
  type PatchGrid,
  type Preprocessor,
  preprocessImage,
  type RgbImage,
  readPreprocessor,
} from "../../model/input/index.ts";
import { picture, reference, sha256 } from "./reference.ts";
import { smallTokenizerConfig, smallTokenizerJson } from "./small-tokenizer.ts";
import { withFolder } from "./temporary-folder.ts";

interface Pixels {
  readonly grids: readonly PatchGrid[];
  /** Of the pixels of all images, one after another. */
  readonly sha256: string;
}

type RecordedPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly size: readonly [width: number, height: number] };

interface RecordedMessage {
  readonly role: ChatMessage["role"];
  readonly content: string | readonly RecordedPart[];
}

interface Recorded {
  readonly template: string;
  /** The settings that `pixels` and `chats` were made with. */
  readonly small: unknown;
  readonly files: typeof reference.decodes;
  readonly pixels: readonly (Pixels & { readonly name: string })[];
  readonly processors: readonly (Pixels & {
    readonly name: string;
    /** `preprocessor_config.json` as published, and `processor_config.json` of transformers 5. */
    readonly published: unknown;
    readonly saved: unknown;
    readonly sizes: readonly (readonly [width: number, height: number])[];
  })[];
  readonly chats: readonly {
    readonly messages: readonly RecordedMessage[];
    readonly addGenerationPrompt: boolean;
    readonly text: string;
    readonly ids: readonly number[];
  }[];
}

const recorded: Recorded = JSON.parse(
  readFileSync(new URL("../fixtures/input-parity.json", import.meta.url), "utf8"),
);

const test = suite("model-input/parity with transformers");

/** The settings that a checkpoint folder with this one file has. */
async function settingsOf(file: string, content: unknown): Promise<Preprocessor> {
  let found: Preprocessor | undefined;
  await withFolder(async (folder) => {
    await writeFile(join(folder, file), JSON.stringify(content));
    found = await readPreprocessor(folder);
  });
  assert.ok(found !== undefined);
  return found;
}

const published = "preprocessor_config.json";

function compare(
  images: readonly RgbImage[],
  settings: Preprocessor,
  expected: Pixels & { readonly name: string },
): void {
  const made = images.map((image) => preprocessImage(image, settings));
  assert.equal(
    made.map(({ grid }) => grid),
    expected.grids,
    expected.name,
  );
  const bytes = made.map(({ pixels }) =>
    Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength),
  );
  assert.is(sha256(Buffer.concat(bytes)), expected.sha256, expected.name);
}

for (const { name, base64, width, height, sha256: expected } of recorded.files) {
  test(`opens as Pillow does: ${name}`, async () => {
    const image = await decodeImage(Buffer.from(base64, "base64"));
    assert.equal([image.width, image.height], [width, height]);
    assert.is(sha256(image.data), expected);
  });
}

test("the pixel values of every kind of file are the processor's", async () => {
  const settings = await settingsOf(published, recorded.small);
  const files = new Map(
    [...reference.decodes, ...recorded.files].map(({ name, base64 }) => [name, base64]),
  );
  assert.ok(recorded.pixels.length > 35);
  for (const expected of recorded.pixels) {
    const bytes = Buffer.from(files.get(expected.name) ?? "", "base64");
    compare([await decodeImage(bytes, { source: expected.name })], settings, expected);
  }
});

for (const expected of recorded.processors) {
  const { name, published: config, saved, sizes } = expected;
  test(`settings "${name}" give the processor's pixel values for pictures of any size`, async () => {
    const images = sizes.map(([width, height]) => picture(width, height));
    compare(images, await settingsOf(published, config), expected);
  });

  test(`settings "${name}" say the same as published and as transformers 5 saves them`, async () => {
    const settings = await settingsOf(published, config);
    assert.equal(await settingsOf("processor_config.json", saved), settings);
  });
}

test("chats have the text and the ids of the processor, image tokens included", async () => {
  const settings = await settingsOf(published, recorded.small);
  const tokenizer = createTokenizer({
    tokenizerJson: smallTokenizerJson(),
    tokenizerConfig: smallTokenizerConfig,
    chatTemplate: recorded.template,
  });
  for (const { messages, addGenerationPrompt, text, ids } of recorded.chats) {
    const options = { addGenerationPrompt };
    const given = messages.map(messageOf);
    assert.is(tokenizer.renderChat(given, options), text);
    const imageTokenCounts = messages.flatMap((message) => tokenCounts(message, settings));
    assert.equal(tokenizer.encodeChat(given, { ...options, imageTokenCounts }), [...ids]);
  }
});

function messageOf({ role, content }: RecordedMessage): ChatMessage {
  if (typeof content === "string") return { role, content };
  const parts = content.map((part): ChatPart => (part.type === "text" ? part : { type: "image" }));
  return { role, content: parts };
}

function tokenCounts({ content }: RecordedMessage, settings: Preprocessor): readonly number[] {
  if (typeof content === "string") return [];
  return content.flatMap((part) => {
    if (part.type === "text") return [];
    const [width, height] = part.size;
    return [imageTokenCount(gridOf({ width, height }, settings), settings.mergeSize)];
  });
}

test.run();
