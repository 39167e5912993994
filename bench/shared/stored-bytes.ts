// What a run has stored, in bytes: its events, and its blobs by what they are.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { EventData, EventEnvelope, HashName } from "../../events/index.ts";
import { decodeEnvelope } from "../../events/index.ts";
import { type LedgerReader, openLedgerReader } from "../../storage/index.ts";

const blobKinds = ["policies", "optimizers", "gradients", "images"] as const;
export type BlobKind = (typeof blobKinds)[number];

export interface StoredBytes {
  readonly events: number;
  readonly steps: number;
  readonly turns: number;
  /** Of all events. */
  readonly eventBytes: number;
  /** Of the events of trajectories. */
  readonly trajectoryBytes: number;
  readonly blobBytes: Readonly<Record<BlobKind, number>>;
  /** Of the files of the ledger and of the blobs: index, chain and unused pages included. */
  readonly fileBytes: number;
}

/** Counts what lies in a run directory. */
export async function storedBytes(directory: string): Promise<StoredBytes> {
  const reader = await openLedgerReader(directory);
  try {
    const found = { events: 0, steps: 0, turns: 0, eventBytes: 0, trajectoryBytes: 0 };
    const blobs = new Map<HashName, BlobKind>();
    for await (const bytes of eachRow(reader)) {
      const event = decodeEnvelope(bytes);
      found.events += 1;
      found.eventBytes += bytes.length;
      if (event.stream.startsWith("trajectory/")) found.trajectoryBytes += bytes.length;
      if (event.type === "turn.sampled") found.turns += 1;
      if (event.type === "policy.updated") found.steps += 1;
      for (const [name, kind] of blobsOf(event)) blobs.set(name, kind);
    }
    const blobBytes = { policies: 0, optimizers: 0, gradients: 0, images: 0 };
    for (const [name, kind] of blobs) {
      blobBytes[kind] += (await reader.blobs.get(name))?.length ?? 0;
    }
    return { ...found, blobBytes, fileBytes: await bytesIn(directory) };
  } finally {
    await reader.close();
  }
}

async function* eachRow(reader: LedgerReader): AsyncGenerator<Uint8Array> {
  for (let next = 1; ; ) {
    const page = await reader.readRows(next);
    for (const { bytes } of page) yield bytes;
    if (page.length === 0) return;
    next += page.length;
  }
}

/** The blobs that an event names, and what they are. */
function blobsOf({ type, data }: EventEnvelope): readonly (readonly [HashName, BlobKind])[] {
  switch (type) {
    case "run.started": {
      const { policy, optimizer } = data as EventData<"run.started">;
      return [
        [policy, "policies"],
        [optimizer, "optimizers"],
      ];
    }
    case "policy.updated": {
      const { policyAfter, optimizerAfter } = data as EventData<"policy.updated">;
      return [
        [policyAfter, "policies"],
        [optimizerAfter, "optimizers"],
      ];
    }
    case "gradient.computed":
      return [[(data as EventData<"gradient.computed">).gradient, "gradients"]];
    default:
      return imagesOf(data as object).map((image) => [image, "images"]);
  }
}

function imagesOf(data: object): readonly HashName[] {
  if ("tasks" in data && Array.isArray(data.tasks)) {
    const tasks = data.tasks as EventData<"step.planned">["tasks"];
    return tasks
      .flatMap(({ image, reference }) => [image, reference])
      .filter((one) => one !== null);
  }
  if ("images" in data) return data.images as HashName[];
  return "image" in data && data.image !== null ? [data.image as HashName] : [];
}

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const folder of ["ledger", "blobs"]) {
    for (const file of await readdir(join(directory, folder))) {
      const { size, blocks } = await stat(join(directory, folder, file));
      // Files of LMDB may have holes.
      bytes += Math.min(size, blocks * 512);
    }
  }
  return bytes;
}
