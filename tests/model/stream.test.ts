// Goal: a turn that is sampled in pieces is the turn, to the byte, whatever the pieces.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStream } from "../../events/index.ts";
import type { GenerateOptions, GenerateRow, Policy, TurnPiece } from "../../model/index.ts";
import {
  lora,
  openTiny,
  sampling,
  shaken,
  tinyImage,
  tinyRow,
  tinySequence,
} from "./tiny-model.ts";

const test = suite("model/stream");
const tokensMax = 24;
let policy: Policy;

test.before(async () => {
  policy = await openTiny(lora, ["vision", "generate", "stream"]);
});

test.after(() => policy.close());

async function piecesOf(
  row: GenerateRow,
  options: GenerateOptions,
  length: number,
): Promise<readonly TurnPiece[]> {
  const parameters = shaken(policy.trainable, 3);
  const pieces: TurnPiece[] = [];
  for await (const piece of policy.stream(parameters, row, options, () => length))
    pieces.push(piece);
  const [turn] = await policy.generate(parameters, [row], options);
  const joined = (key: "ids" | "logProbs" | "entropies") => pieces.flatMap((one) => [...one[key]]);
  for (const key of ["ids", "logProbs", "entropies"] as const)
    assert.equal(joined(key), [...(turn?.[key] ?? [])], key);
  assert.equal(
    pieces.map(({ end }) => end),
    [...pieces.slice(1).map(() => undefined), turn?.end],
  );
  return pieces;
}

const random = new RandomStream(31, "stream");
const row = tinyRow(random, tinySequence(random, 19, [tinyImage(random, 4, 6)]), tokensMax);
const rest = tokensMax - 1;

for (const [length, expected] of [
  [1, new Array<number>(tokensMax).fill(1)],
  [5, [1, 5, 5, 5, 5, 3]],
  [rest, [1, rest]],
  [100, [1, rest]],
] as const) {
  test(`pieces of ${length} give the turn's ids, log-probs and entropies`, async () => {
    const pieces = await piecesOf(row, { ...sampling, stopIds: [] }, length);
    assert.equal(
      pieces.map(({ ids }) => ids.length),
      expected,
    );
  });
}

test("greedy, too", async () => {
  await piecesOf(row, { ...sampling, greedy: true, stopIds: [] }, 4);
});

test("a stop token ends the turn, in a piece, at its end, and as the first token", async () => {
  const [whole] = await piecesOf(row, { ...sampling, stopIds: [] }, 100).then(([first, second]) => [
    [...(first?.ids ?? []), ...(second?.ids ?? [])],
  ]);
  for (const at of [0, 1, 7]) {
    const stop = whole?.[at] ?? 0;
    const first = whole?.indexOf(stop) ?? 0;
    const pieces = await piecesOf(row, { ...sampling, stopIds: [stop] }, 7);
    assert.is(
      pieces.reduce((sum, { ids }) => sum + ids.length, 0),
      first + 1,
    );
  }
});

test("a turn of one token is one piece", async () => {
  const pieces = await piecesOf({ ...row, tokensMax: 1 }, { ...sampling, stopIds: [] }, 4);
  assert.is(pieces.length, 1);
});

test.run();
