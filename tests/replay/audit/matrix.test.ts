// Goal: the matrix of tampering by somebody without the key. Every type of event, every table of
// the index and every kind of blob, each of them flipped, deleted, inserted, reordered, replaced or
// spliced from another run, in places that are drawn at random: it is found, and named.
//
// fast-check prints the seed of what fails.
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type EventEnvelope, unpackHashes } from "../../../events/index.ts";
import { tinyConfig } from "../../actors/tiny-run.ts";
import {
  auditFiles,
  auditTables,
  playedRun,
  type RunRecord,
  realRun,
  type Signed,
  signed,
  type Tables,
  tablesOf,
} from "./forge.ts";
import { prune } from "./prune.ts";

const test = suite("replay/audit: the matrix of tampering");
/** Drawn for each cell of the matrix. */
const roundsPerCell = 2;

interface World {
  readonly record: RunRecord;
  readonly tables: Tables;
  readonly files: Signed;
  /** Another run of the same name, with another seed. */
  readonly other: Tables;
  readonly otherRecord: RunRecord;
}

let made: Promise<World> | null = null;

function world(): Promise<World> {
  made ??= makeWorld();
  return made;
}

async function makeWorld(): Promise<World> {
  const record = await realRun();
  const otherRecord = await playedRun({ config: tinyConfig({ steps: 3, tasks: 4, seed: 4 }) });
  for (const run of [record, otherRecord]) {
    // The word of it only: what happens to blobs that are gone is told in pruned.test.ts.
    const blobs = new Map(run.blobs);
    await prune(run, "gradients=last:1");
    run.blobs = blobs;
  }
  const tables = tablesOf(record);
  return { record, tables, files: signed(tables), other: tablesOf(otherRecord), otherRecord };
}

const copyOf = (tables: Tables): Tables => ({
  ...tables,
  rows: new Map(tables.rows),
  streams: new Map(tables.streams),
  commands: new Map(tables.commands),
  blobs: new Map(tables.blobs),
});

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
}

const pick = <T>(values: readonly T[], draw: number, what: string): T =>
  present(values[draw % Math.max(values.length, 1)], what);

function flipped(bytes: Uint8Array, draw: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = draw % bytes.length;
  copy[at] = (copy[at] ?? 0) ^ (1 << (draw % 8));
  return copy;
}

/** The rows in another order or number; index and signatures stay as they were. */
function withRows(tables: Tables, rows: readonly Uint8Array[]): void {
  tables.rows.clear();
  for (const [index, bytes] of rows.entries()) tables.rows.set(index + 1, bytes);
  tables.head = { ...tables.head, size: rows.length };
}

type RowChange = (
  rows: Uint8Array[],
  at: number,
  draws: { readonly draw: number; readonly spliced: Uint8Array },
) => void;

/** What is done to the row at index `at`. */
const rowChanges: Readonly<Record<string, RowChange>> = {
  flipped: (rows, at, { draw }) => rows.splice(at, 1, flipped(present(rows[at], "row"), draw)),
  deleted: (rows, at) => rows.splice(at, 1),
  inserted: (rows, at) => rows.splice(at, 0, present(rows[at], "row")),
  // The next row may be of any stream.
  reordered: (rows, at) => rows.splice(Math.min(at, rows.length - 2), 2, ...swapped(rows, at)),
  "spliced from another run": (rows, at, { spliced }) => rows.splice(at, 1, spliced),
};

function swapped(rows: readonly Uint8Array[], at: number): Uint8Array[] {
  const first = Math.min(at, rows.length - 2);
  return [present(rows[first + 1], "row"), present(rows[first], "row")];
}

/** A finding names the place, or a range that holds it; never an event before it. */
function names(place: number, seq: number, reason: string): boolean {
  const [, from, to] = /one of the events (\d+) to (\d+) was changed/.exec(reason) ?? [];
  if (from !== undefined) return Number(from) <= place && place <= Number(to);
  const [, own, , other] =
    /(\d+) events from (\d+) on were appended, the index (?:says (\d+)|has no row)/.exec(reason) ??
    [];
  const count = Math.max(Number(own ?? 1), Number(other ?? 1));
  return place < seq + count;
}

const types = [
  ...["run.started", "step.planned", "evaluation.planned", "run.completed"],
  ...["evaluation.started", "evaluation.completed", "trajectory.started", "turn.sampled"],
  ...["tool.called", "tool.returned", "turn.prompted", "trajectory.ended", "reward.assigned"],
  ...["batch.assembled", "gradient.computed", "policy.updated", "actor.registered"],
  ...["actor.ended", "blobs.pruned"],
];

for (const [how, change] of Object.entries(rowChanges)) {
  test(`an event of any type that is ${how}: found, and named`, async () => {
    const { record, tables, files, other, otherRecord } = await world();
    for (const type of types) {
      const isOfType = (event: EventEnvelope) => event.type === type;
      const places = indices(record.events, isOfType);
      const others = indices(otherRecord.events, isOfType);
      const property = fc.property(fc.nat(), fc.nat(), (where, draw) => {
        const at = pick(places, where, type);
        const spliced = present(other.rows.get(pick(others, draw, type) + 1), type);
        const own = tables.rows.get(at + 1);
        // Two runs may say the same in an event.
        fc.pre(own === undefined || Buffer.compare(own, spliced) !== 0);
        const changed = copyOf(tables);
        const rows = [...changed.rows.values()];
        change(rows, at, { draw, spliced });
        withRows(changed, rows);
        const { firstBad } = auditTables(changed, files);
        assert.ok(firstBad, `${type} ${at + 1}`);
        const last = changed.head.size - (how === "reordered" ? 1 : 0);
        const place = Math.min(at + 1, last);
        const found = JSON.stringify({ type, place, firstBad });
        assert.ok(names(place, firstBad.seq, firstBad.reason), found);
      });
      fc.assert(property, { numRuns: roundsPerCell, includeErrorInReport: true });
    }
  });
}

function indices<T>(values: readonly T[], where: (value: T) => boolean): number[] {
  return [...values.keys()].filter((index) => where(values[index] as T));
}

/** The types of the vocabulary that the run has: none is left out of the matrix. */
test("the matrix has a row for every type of event that the run holds", async () => {
  const { record } = await world();
  assert.equal([...new Set(record.events.map(({ type }) => type))].sort(), types.toSorted());
});

type IndexName = "streams" | "commands";
type IndexChange = (
  index: Map<string, [number, number]>,
  key: string,
  parts: { readonly draw: number; readonly other: ReadonlyMap<string, [number, number]> },
) => void;

const indexChanges: Readonly<Record<string, IndexChange>> = {
  flipped(index, key, { draw }) {
    const [first, count] = present(index.get(key), key);
    index.set(key, draw % 2 === 0 ? [first ^ (1 << (draw % 20)), count] : [first, count ^ 1]);
  },
  deleted: (index, key) => index.delete(key),
  inserted(index, key) {
    const [stream = "", rest = ""] = key.split("\n");
    index.set(
      `${stream}\n${/^\d+$/.test(rest) ? 1 + Number(rest) * 1_000 : `${rest}-two`}`,
      [1, 1],
    );
  },
  reordered(index, key) {
    const [first, count] = present(index.get(key), key);
    const [otherKey, row] = present(
      [...index].find(([, row]) => row[0] !== first || row[1] !== count),
      "other row",
    );
    index.set(otherKey, [first, count]).set(key, row);
  },
  "spliced from another run"(index, _, { other }) {
    const differing = [...other].filter(([key, row]) => `${index.get(key)}` !== `${row}`);
    for (const [key, row] of differing.slice(0, 3)) index.set(key, row);
  },
};

for (const name of ["streams", "commands"] as const satisfies readonly IndexName[]) {
  for (const [how, change] of Object.entries(indexChanges)) {
    test(`a row of the index of ${name} that is ${how}: found in memory and in files`, async () => {
      const { tables, files, other } = await world();
      const keys = [...tables[name].keys()];
      const property = fc.asyncProperty(fc.nat(), fc.nat(), async (where, draw) => {
        const changed = copyOf(tables);
        change(changed[name], pick(keys, where, name), { draw, other: other[name] });
        for (const report of [auditTables(changed, files), await auditFiles(changed, files)]) {
          assert.match(report.firstBad?.reason ?? "", new RegExp(`^${name}: `));
          assert.equal(Object.keys(report.faults), [name]);
        }
      });
      await fc.assert(property, { numRuns: roundsPerCell, includeErrorInReport: true });
    });
  }
}

type Change = (world: World, changed: Tables, draw: number) => void;

const tableChanges: Readonly<Record<string, readonly [check: RegExp, change: Change]>> = {
  "a lease that is deleted": [
    /^leases: /,
    (_, changed, draw) => {
      const { name } = pick(changed.leases, draw, "lease");
      changed.leases = changed.leases.filter((lease) => lease.name !== name);
    },
  ],
  "a lease that is set back": [
    /^leases: /,
    (_, changed, draw) => {
      const { name } = pick(changed.leases, draw, "lease");
      changed.leases = changed.leases.map((lease) =>
        lease.name === name ? { ...lease, epoch: lease.epoch - 1 } : lease,
      );
    },
  ],
  "a lease whose holder is changed": [
    /^leases: /,
    (_, changed, draw) => {
      const { name } = pick(changed.leases, draw, "lease");
      changed.leases = changed.leases.map((lease) =>
        lease.name === name ? { ...lease, holder: `x${lease.holder}` } : lease,
      );
    },
  ],
  "a lease that is inserted from another run": [
    /^leases: .*other.* no lease of this run/,
    (_, changed, draw) => {
      const lease = pick(changed.leases, draw, "lease");
      changed.leases = [...changed.leases, { ...lease, name: lease.name.replace("tiny", "other") }];
    },
  ],
  "two leases whose holders are reordered": [
    /^leases: /,
    (_, changed) => {
      const of = (name: string) =>
        present(
          changed.leases.find((one) => one.name === name),
          name,
        );
      const [mine, theirs] = [of("judge/tiny"), of("group/tiny/1.0")];
      changed.leases = changed.leases.map((lease) => {
        if (lease === mine) return { ...lease, holder: theirs.holder };
        return lease === theirs ? { ...lease, holder: mine.holder } : lease;
      });
    },
  ],
  "a head whose hash is flipped": [
    /^chain: /,
    (_, changed, draw) => {
      const hash = Buffer.from(flipped(Buffer.from(changed.head.hash, "hex"), draw));
      changed.head = { ...changed.head, hash: hash.toString("hex") };
    },
  ],
  "a head whose size is flipped": [
    /^(?:chain|checkpoints|events|leases|streams|commands): /,
    (_, changed, draw) => {
      changed.head = { ...changed.head, size: changed.head.size ^ (1 << (draw % 10)) };
    },
  ],
  "a head that is deleted": [
    /^(?:chain|checkpoints): /,
    (_, changed) => {
      changed.head = { size: 0, hash: "00".repeat(32) };
    },
  ],
  "a head that is spliced from another run": [
    /^(?:chain|checkpoints): /,
    ({ other }, changed) => {
      changed.head = other.head;
    },
  ],
};

for (const [what, [words, change]] of Object.entries(tableChanges)) {
  test(`${what}: found in memory and in files`, async () => {
    const all = await world();
    const property = fc.asyncProperty(fc.nat(), async (draw) => {
      const changed = copyOf(all.tables);
      change(all, changed, draw);
      const { files } = all;
      for (const report of [auditTables(changed, files), await auditFiles(changed, files)]) {
        assert.match(report.firstBad?.reason ?? "nothing", words);
      }
    });
    await fc.assert(property, { numRuns: roundsPerCell, includeErrorInReport: true });
  });
}

/** The blobs of a run, by what they are. */
function blobsByKind({ events }: RunRecord): Readonly<Record<string, readonly string[]>> {
  const named = (type: string, key: string) =>
    events.filter((event) => event.type === type).map(({ data }) => String(data[key]));
  const images = named("tool.returned", "image").filter((name) => name !== "null");
  // One that was pruned may be missing.
  const pruned = new Set<string>(
    events
      .filter(({ type }) => type === "blobs.pruned")
      .flatMap(({ data }) => unpackHashes(data["names"] as Uint8Array)),
  );
  return {
    policy: named("policy.updated", "policyAfter"),
    optimizer: named("run.started", "optimizer"),
    gradient: named("gradient.computed", "gradient").filter((name) => !pruned.has(name)),
    image: [...new Set(images)],
  };
}

type BlobChange = (bytes: Uint8Array, draw: number, foreign: Uint8Array) => Uint8Array | null;

const blobChanges: Readonly<Record<string, BlobChange>> = {
  flipped: (bytes, draw) => flipped(bytes, draw),
  deleted: () => null,
  "cut short": (bytes, draw) => bytes.slice(0, draw % bytes.length),
  "made longer": (bytes) => Uint8Array.of(...bytes, 0),
  "replaced by one of another run": (_bytes, _draw, foreign) => foreign,
};

for (const kind of ["policy", "optimizer", "gradient", "image"]) {
  test(`a blob that is a ${kind}, changed in any way: found, and its event named`, async () => {
    const { record, otherRecord, tables, files } = await world();
    const own = blobsByKind(record)[kind] ?? [];
    const foreignNames = blobsByKind(otherRecord)[kind] ?? [];
    const foreign = foreignNames.find((name) => !tables.blobs.has(name)) ?? "";
    // Images and first states may be the same in both runs.
    const bytesOf = otherRecord.blobs.get(foreign) ?? Uint8Array.of(1);
    for (const [how, change] of Object.entries(blobChanges)) {
      const property = fc.asyncProperty(fc.nat(), fc.nat(), async (where, draw) => {
        const name = pick(own, where, kind);
        const changed = copyOf(tables);
        const bytes = change(present(changed.blobs.get(name), name), draw, bytesOf);
        if (bytes === null) changed.blobs.delete(name);
        else changed.blobs.set(name, bytes);
        const seq = record.events.findIndex(({ data }) => JSON.stringify(data).includes(name)) + 1;
        for (const report of [auditTables(changed, files), await auditFiles(changed, files)]) {
          assert.match(report.firstBad?.reason ?? "", `blobs: ${name}`, `${how} ${name}`);
          assert.is(report.firstBad?.seq, seq);
        }
      });
      await fc.assert(property, { numRuns: 1, includeErrorInReport: true });
    }
  });
}

test.run();
