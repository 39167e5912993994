// Replays the run in the directory of the first argument in a process that opens no onnxruntime
// session. Prints whether the process still keeps float32's smallest values, which a session makes
// zero, and what came out.
import { pixelComparison, storedWeights } from "../../actors/index.ts";
import { replayRun } from "../../replay/index.ts";
import { openLedgerReader } from "../../storage/index.ts";

const reader = await openLedgerReader(process.argv[2] ?? "");
const [stream = ""] = await reader.listStreams("run/");
const { ok, policies, differsAt } = await replayRun({
  reader,
  run: stream.slice("run/".length),
  weightsOf: storedWeights,
  tasksOf: async () => null,
  comparePixels: pixelComparison((name) => reader.blobs.get(name)),
});
await reader.close();
const smallest = new Float32Array([1e-40])[0];
console.log(JSON.stringify({ ok, policies, differsAt, keepsSmallest: smallest !== 0 }));
