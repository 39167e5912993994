// Search over a corpus on the disk: how long its index takes, what memory, and how fast it answers;
// beside SQLite's FTS5 over the same corpus and queries where this machine's python3 has it.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { runMeasured } from "./measured-child.ts";
import { type BenchRows, quantile, row } from "./row.ts";
import { writeZipfCorpus, zipfQueries } from "./zipf-corpus.ts";

const hits = 5;
const queryMsMax = 20;
const MiB = 2 ** 20;

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const partSchema = z.object({ openSeconds: z.number(), milliseconds: z.array(z.number()) });
const peerSchema = z.object({
  version: z.string(),
  buildSeconds: z.number(),
  milliseconds: z.array(z.number()),
});
type Peer = z.infer<typeof peerSchema>;

export interface SearchBenchOptions {
  readonly passages: number;
  readonly queries: number;
  /** The first word of each row's name. */
  readonly name: string;
}

/** Measures over a corpus of `passages` passages of 100 words. */
export async function searchRows(options: SearchBenchOptions): Promise<BenchRows> {
  const { passages, queries, name } = options;
  const folder = await mkdtemp(join(tmpdir(), "varft-bench-search-"));
  try {
    const corpus = join(folder, "corpus.jsonl");
    await writeZipfCorpus(corpus, passages);
    const built = await part("build", corpus, queries);
    const bytes = await folderBytes(`${corpus}.bm25`);
    const asked = await part("query", corpus, queries);
    const peer = await peerFigures(folder, corpus, queries);
    const { milliseconds } = asked;
    const beside = (of: (peer: Peer) => number) =>
      peer === null ? {} : { reference: of(peer), against: `SQLite FTS5 ${peer.version}` };
    const at = (share: number) => beside((one) => quantile(one.milliseconds, share));
    const reach = { of: "value", max: queryMsMax } as const;
    return {
      [`${name}.query.p50`]: row(quantile(milliseconds, 0.5), "ms", { ...at(0.5), reach }),
      [`${name}.query.p99`]: row(quantile(milliseconds, 0.99), "ms", at(0.99)),
      [`${name}.query.memory`]: row(asked.peakBytes / MiB, "MiB"),
      [`${name}.build`]: row(
        built.openSeconds,
        "s",
        beside(({ buildSeconds }) => buildSeconds),
      ),
      [`${name}.build.memory`]: row(built.peakBytes / MiB, "MiB"),
      [`${name}.open`]: row(asked.openSeconds, "s"),
      [`${name}.index`]: row(bytes / (await stat(corpus)).size, "B per byte of corpus"),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function part(name: "build" | "query", corpus: string, queries: number) {
  const words = [name, corpus, String(hits), String(queries)];
  const command = [process.execPath, "--import", "tsx", here("search-part.ts"), ...words];
  const { last, peakBytes } = await runMeasured(command);
  return { ...partSchema.parse(last), peakBytes };
}

/** FTS5's figures; null where python3 or its FTS5 is missing. */
async function peerFigures(folder: string, corpus: string, queries: number): Promise<Peer | null> {
  const file = join(folder, "queries.txt");
  await writeFile(file, `${zipfQueries(queries).join("\n")}\n`);
  const parameters = [here("../peers/fts5.py"), corpus, join(folder, "fts5.db"), file];
  try {
    const { stdout } = await promisify(execFile)("python3", [...parameters, String(hits)]);
    return peerSchema.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
  } catch {
    return null;
  }
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}
