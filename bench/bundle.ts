// How fast a run goes into a bundle and comes out again, beside the least that either must do: to
// copy the same bytes to a file and hash them, in the same run. The run is made here: events as
// trajectories have them, and weights, which hardly deflate.
import { createHash } from "node:crypto";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { event, type HashName, hashName, RandomStream, streams } from "../events/index.ts";
import {
  type BundleManifest,
  type BundleSource,
  type Ledger,
  openBundleSource,
  openLedger,
  packBundle,
  unpackBundle,
} from "../storage/index.ts";
import { type BenchRows, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 25;

const run = "bench";
/** Of each thing, as many as give events and weights the proportion of the quick start. */
const sizes = { policies: 48, values: 512 * 1024, trajectories: 400, turns: 40 };
const rounds = 2;
const megabyte = 1e6;
const signal = new AbortController().signal;

/** Writes a run; the names of its blobs. */
async function write(ledger: Ledger): Promise<readonly HashName[]> {
  const random = new RandomStream(1, "weights");
  const names: HashName[] = [];
  const values = Float32Array.from({ length: sizes.values }, () => (random.uniform() - 0.5) / 16);
  for (let policy = 0; policy < sizes.policies; policy++) {
    values[policy] = policy;
    names.push(await ledger.blobs.put(new Uint8Array(values.slice().buffer)));
  }
  const ids = Int32Array.from({ length: 24 }, (_, index) => index * 131);
  for (let index = 0; index < sizes.trajectories; index++) {
    const stream = streams.trajectory(run, 1, index, 0);
    const events = Array.from({ length: sizes.turns }, (_, turn) => {
      const logProbs = Float32Array.from(ids, () => -random.uniform());
      const policy = names[0] ?? hashName(Buffer.alloc(0));
      return event("turn.sampled", { turn, policy, ids, logProbs, entropy: 0.5, finish: "stop" });
    });
    const parts = [{ stream, expected: null, epoch: 0, events }];
    await ledger.append({ command: `play-${index}`, by: "rollout", trace: null, blobs: [], parts });
  }
  return names;
}

/** Seconds of `action`, the best of some rounds: others use this machine too. */
async function secondsOf(action: (round: number) => Promise<void>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now();
    await action(round);
    best = Math.min(best, (performance.now() - startMs) / 1_000);
  }
  return best;
}

/** Copies everything to a file, hashed once; its bytes. */
async function copy(source: BundleSource, names: readonly HashName[], path: string) {
  const file = await open(path, "w");
  const sum = createHash("sha256");
  let bytes = 0;
  const put = async (piece: Uint8Array) => {
    sum.update(piece);
    await file.writeFile(piece);
    bytes += piece.length;
  };
  for (let next = 1; next <= source.head.size; ) {
    const page = source.rows(next);
    await put(Buffer.concat(page.map((one) => one.bytes)));
    next += page.length;
  }
  for (const name of names) for (const piece of source.blobPieces(name)) await put(piece);
  sum.digest();
  await file.sync();
  await file.close();
  return bytes;
}

async function pack(source: BundleSource, names: readonly HashName[], path: string) {
  const { size: events, hash: chain } = source.head;
  const none = hashName(Buffer.alloc(0));
  const manifest: BundleManifest = {
    run,
    events,
    chain,
    state: "stopped",
    numericClass: { code: "c", onnxruntime: "o", device: "d", sandbox: "s" },
    base: none,
    model: null,
    madeBy: { varft: "0", code: "c", lockFile: null },
  };
  const texts = { keys: "", checkpoints: "", settings: null };
  const [blobsOf, leasesOf, onProgress] = [() => names, () => source.leases, () => {}];
  const absenceOf = () => null;
  const file = await open(path, "w");
  await packBundle({
    source,
    manifest,
    ...texts,
    blobsOf,
    absenceOf,
    leasesOf,
    adapterOf: null,
    file,
    onProgress,
    signal,
  });
  await file.sync();
  await file.close();
}

async function unpack(path: string, directory: string): Promise<void> {
  const file = await open(path, "r");
  const settingsFile = "config.json";
  const none = join(directory, "no-adapter");
  await unpackBundle({
    ...{ file, directory, adapterDirectory: none, settingsFile, onRead: () => {}, signal },
  });
  await file.close();
}

/** Measures bundles in a temporary directory. */
export async function rows(): Promise<BenchRows> {
  const folder = await mkdtemp(join(tmpdir(), "varft-bench-bundle-"));
  try {
    const directory = join(folder, run);
    const ledger = await openLedger(directory, { clock: Date.now });
    const names = await write(ledger);
    await ledger.close();
    const source = await openBundleSource(directory);
    const [copied, packed] = [join(folder, "copied"), join(folder, "packed.gz")];
    let bytes = 0;
    const copySeconds = await secondsOf(async () => {
      bytes = await copy(source, names, copied);
    });
    const packSeconds = await secondsOf(() => pack(source, names, packed));
    const unpackSeconds = await secondsOf((round) => unpack(packed, join(folder, `${round}`)));
    await source.close();
    const rate = (taken: number) => bytes / megabyte / taken;
    const options = { reference: rate(copySeconds), against: "a copy to a file, and SHA-256" };
    const size = (await stat(packed)).size / megabyte;
    const against = "the bytes that it holds";
    return {
      "bundle.pack": row(rate(packSeconds), "MB/s", options),
      "bundle.unpack": row(rate(unpackSeconds), "MB/s", options),
      "bundle.size": row(size, "MB", { reference: bytes / megabyte, against }),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
