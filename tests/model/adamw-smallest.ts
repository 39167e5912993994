// A step of AdamW on values about as small as float32's least, in a process of its own: with the
// argument `session`, one that has opened an onnxruntime session before. Prints a hash of the
// bytes.
import { hashName, RandomStream } from "../../events/index.ts";
import { Session } from "../../model/engine/session.ts";
import { Graph, negate } from "../../model/graph/index.ts";
import { adamStep, initialAdamState } from "../../model/index.ts";
import { adamSettings as settings } from "./adam-settings.ts";

function tensor(scale: number): ReadonlyMap<string, Float32Array> {
  const random = new RandomStream("smallest", String(scale));
  const values = Float32Array.from({ length: 1_000 }, () => scale * (random.uniform() - 0.5));
  return new Map([["layer.weight", values]]);
}

// Values are drawn before a session could change what can be stored.
const parameters = tensor(1e-37);
const gradients = tensor(1e-20);
if (process.argv.includes("session")) {
  const x = new Graph().input("x", "float32", [2]);
  await (await Session.open({ y: negate(x) }, { threads: 1 })).close();
}

// The squares of these gradients are below float32's normal numbers, and so are their moments.
const { state, ...next } = adamStep(parameters, gradients, initialAdamState(parameters), settings);
const parts = [next.parameters, state.first, state.second].flatMap((map) => [...map.values()]);
const hash = hashName(Buffer.concat(parts.map(({ buffer }) => Buffer.from(buffer))));
console.log(JSON.stringify({ flushes: Math.fround(1e-40) === 0, hash }));
