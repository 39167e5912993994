// Writes what peft_roundtrip.py reads: a checkpoint, adapters that were trained on it here, and
// both merged; into the new folder that is named.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mergeAdapter, writeAdapter, writeCheckpoint } from "../../model/index.ts";
import {
  adapterTensors,
  smallContent,
  smallRows,
  smallTuning,
  trainAdapters,
} from "../model-output/small-base.ts";

const [folder = ""] = process.argv.slice(2);
const [base, adapter] = [join(folder, "base"), join(folder, "adapter")];
await writeCheckpoint(base, smallContent());
const tensors = adapterTensors(await trainAdapters(base, smallTuning), smallTuning);
const { rank, alpha } = smallTuning;
await writeAdapter(adapter, { tensors, rank, alpha, base });
await mergeAdapter(base, adapter, join(folder, "merged"), { dtype: "base" });
const rows = smallRows().map(({ ids, images }) => ({
  ids: Array.from(ids),
  grids: images.map(({ grid }) => grid),
  pixels: images.map(({ pixels }) => Array.from(pixels)),
}));
await writeFile(join(folder, "rows.json"), JSON.stringify(rows));
