// Goal: positions and vision layout are those of Qwen2.5-VL.
// Method: tables of a numpy reference (tests/reference/model_input.py), then properties.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  imageTokenCount,
  type PatchGrid,
  PromptError,
  ropeIndex,
  segmentIds,
  visionLayout,
} from "../../model/input/index.ts";
import { raises } from "./raises.ts";
import { reference } from "./reference.ts";

const test = suite("model-input/positions");
const seed = 20250521;

const imageToken = 9;
const config = { tokens: { image: imageToken }, vision: { mergeSize: 2 } };
const tower = { mergeSize: 2, patchSize: 14, windowSize: 112 };

const gridArbitrary = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
  .map(([height, width]): PatchGrid => [1, 2 * height, 2 * width]);

function imageIds(grid: PatchGrid): number[] {
  return Array.from({ length: imageTokenCount(grid, 2) }, () => imageToken);
}

test("positions of text, one image and several images are the reference's", () => {
  assert.ok(reference.ropes.length > 0);
  for (const { ids, grids, positions, next } of reference.ropes) {
    const index = ropeIndex(ids, grids, config);
    assert.equal([...index.positions], [...positions]);
    assert.is(index.next, next);
  }
});

test("text alone counts up in all axes", () => {
  const { positions, next } = ropeIndex([4, 5, 6], [], config);
  assert.equal([...positions], [0, 1, 2, 0, 1, 2, 0, 1, 2]);
  assert.is(next, 3);
  assert.equal(ropeIndex([], [], config), { positions: new Int32Array(0), next: 0 });
});

test("a longer prompt keeps the positions of its prefix", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), gridArbitrary), { maxLength: 4 }),
      fc.integer({ min: 1, max: 9 }),
      (turns, more) => {
        const ids = turns.flatMap(([text, grid]) => [...Array(text).fill(1), ...imageIds(grid)]);
        const grids = turns.map(([, grid]) => grid);
        const short = ropeIndex(ids, grids, config);
        const long = ropeIndex([...ids, ...Array(more).fill(2)], grids, config);
        for (let axis = 0; axis < 3; axis++) {
          const start = axis * (ids.length + more);
          const head = long.positions.subarray(start, start + ids.length);
          const whole = short.positions.subarray(axis * ids.length, (axis + 1) * ids.length);
          assert.equal([...head], [...whole]);
          assert.is(long.positions[start + ids.length], short.next);
        }
        assert.is(long.next, short.next + more);
      },
    ),
    { seed },
  );
});

test("image tokens without a grid, grids without tokens and short runs are refused", async () => {
  const type = PromptError;
  const grid: PatchGrid = [1, 2, 4];
  await raises(() => ropeIndex([1, 9, 9], [], config), { type, code: "prompt.image_missing" });
  await raises(() => ropeIndex([1, 2], [grid], config), { type, code: "prompt.image_unused" });
  await raises(() => ropeIndex([9, 1, 9], [grid], config), {
    type,
    code: "prompt.image_tokens",
    names: ["needs 2", "found 1"],
  });
  await raises(() => ropeIndex([9], [[1, 1, 2]], config), { type, code: "prompt.grid" });
});

test("layouts of one and several images are the reference's", () => {
  assert.ok(reference.layouts.length > 0);
  for (const { grids, ...expected } of reference.layouts) {
    const layout = visionLayout(grids, tower);
    for (const [name, values] of Object.entries(expected)) {
      assert.equal([...layout[name as keyof typeof expected]], [...values], name);
    }
  }
});

test("the window order is a permutation that stays inside images and windows", () => {
  fc.assert(
    fc.property(fc.array(gridArbitrary, { maxLength: 3 }), (grids) => {
      const layout = visionLayout(grids, tower);
      const units = layout.windowIndex.length;
      assert.is(4 * units, layout.patches);
      assert.equal(
        [...layout.windowIndex].sort((left, right) => left - right),
        [...Array(units).keys()],
      );
      layout.restoreIndex.forEach((place, unit) => {
        assert.is(layout.windowIndex[place], unit);
      });
      const windows = segmentIds(layout.windowStarts);
      const frames = segmentIds(layout.frameStarts);
      assert.is(windows.length, layout.patches);
      const rows = new Map<number, Set<string>>();
      for (let patch = 0; patch < layout.patches; patch++) {
        const [row = 0, column = 0] = layout.windowPositions.subarray(2 * patch, 2 * patch + 2);
        const cell = `${frames[patch]}:${row >> 3}:${column >> 3}`;
        const cells = rows.get(windows[patch] ?? -1) ?? new Set();
        rows.set(windows[patch] ?? -1, cells.add(cell));
      }
      for (const cells of rows.values()) assert.is(cells.size, 1, "a window is one square");
    }),
    { seed },
  );
});

test("a grid that does not divide into merge units is refused", async () => {
  const expected = { type: PromptError, code: "prompt.grid", names: ["1x3x4"] };
  await raises(() => visionLayout([[1, 3, 4]], tower), expected);
});

test.run();
