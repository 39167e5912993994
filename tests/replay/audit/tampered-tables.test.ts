// Goal: what is changed in the tables of a ledger, below what its events say, is found and named:
// rows, index, leases, head, blobs. Both in memory and in real LMDB files.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encodeEnvelope, RandomStream } from "../../../events/index.ts";
import {
  auditFiles,
  auditTables,
  type RunRecord,
  realRun,
  signed,
  type Tables,
  tablesOf,
  tablesOfRows,
} from "./forge.ts";

const test = suite("replay/audit: tampered tables");

interface Place {
  readonly seq: number;
  readonly reason: RegExp;
}
/** Changes tables that were signed before; answers with what must be told. */
type Change = (tables: Tables, record: RunRecord) => Place;

const firstKey = (map: ReadonlyMap<string, unknown>, start = ""): string => {
  const key = [...map.keys()].find((one) => one.startsWith(start));
  if (key === undefined) throw new Error(`there is no ${start}`);
  return key;
};
/** The event (from 1) that is the first to name a blob. */
const firstNaming = ({ events }: RunRecord, name: string): number =>
  events.findIndex(({ data }) => JSON.stringify(data).includes(name)) + 1;

/** What `run.started` says. */
const begun = ({ events }: RunRecord) => (events[0]?.data ?? {}) as Record<string, string>;

const tampered: readonly (readonly [what: string, change: Change])[] = [
  [
    "a row that is taken out",
    ({ rows }) => {
      rows.delete(40);
      return { seq: 40, reason: /^chain: event 40 is missing/ };
    },
  ],
  [
    "rows that are taken out",
    ({ rows }) => {
      for (const global of [40, 41, 42]) rows.delete(global);
      return { seq: 40, reason: /^chain: event 40 and 2 more are missing/ };
    },
  ],
  [
    "the first row",
    ({ rows }) => {
      rows.delete(1);
      return { seq: 1, reason: /^chain: event 1 is missing/ };
    },
  ],
  [
    "the last rows, cut off",
    ({ rows, head }) => {
      for (let global = head.size - 9; global <= head.size; global++) rows.delete(global);
      return { seq: head.size - 9, reason: /^chain: event \d+ and 9 more are missing/ };
    },
  ],
  [
    "all rows",
    ({ rows }) => {
      rows.clear();
      return { seq: 1, reason: /^chain: event 1 and \d+ more are missing/ };
    },
  ],
  [
    "two rows that are swapped",
    ({ rows }, { events }) => {
      const stream = events[30]?.stream;
      const other = events.findIndex((event, index) => index > 30 && event.stream === stream);
      const [one, two] = [rows.get(31), rows.get(other + 1)];
      if (one === undefined || two === undefined) throw new Error("two rows");
      rows.set(31, two).set(other + 1, one);
      return { seq: 31, reason: /^(?:sequences|ids): / };
    },
  ],
  [
    "a row beyond the head",
    ({ rows, head }) => {
      rows.set(head.size + 1, rows.get(1) ?? new Uint8Array());
      return { seq: head.size + 1, reason: /^chain: there are events beyond the head/ };
    },
  ],
  [
    "a row of garbage",
    ({ rows }) => {
      rows.set(77, new Uint8Array(50).fill(0xc1));
      return { seq: 77, reason: /^events: not a msgpack value/ };
    },
  ],
  [
    "an empty row",
    ({ rows }) => {
      rows.set(77, new Uint8Array(0));
      return { seq: 77, reason: /^events: / };
    },
  ],
  [
    "a word in a row",
    ({ rows }, { events }) => {
      const index = events.findIndex(({ type }) => type === "trajectory.ended");
      const event = events[index];
      if (event === undefined) throw new Error("a trajectory ends");
      rows.set(index + 1, encodeEnvelope({ ...event, time: event.time + 1 }));
      return { seq: 1, reason: /^(?:checkpoints|chain): one of the events 1 to 100 was changed/ };
    },
  ],
  [
    "the head's hash",
    (tables) => {
      tables.head = { ...tables.head, hash: "00".repeat(32) };
      // Everything was signed, so only the head itself can be wrong.
      return { seq: 0, reason: /^chain: all events were signed, .* the head says 0000/ };
    },
  ],
  [
    "the head's size",
    (tables) => {
      tables.head = { ...tables.head, size: tables.head.size - 5 };
      return { seq: 901, reason: /^chain: one of the events 901 to 985 was changed/ };
    },
  ],
  [
    "a row of the index of streams, taken out",
    ({ streams }) => {
      const key = firstKey(streams, "judge/");
      const [global = 0] = streams.get(key) ?? [];
      streams.delete(key);
      return { seq: global, reason: /^streams: .* the index has no row/ };
    },
  ],
  [
    "a row of the index of streams that leads elsewhere",
    ({ streams }) => {
      const key = firstKey(streams, "judge/");
      const [global = 0, count = 0] = streams.get(key) ?? [];
      streams.set(key, [global + 1, count]);
      return { seq: global, reason: /^streams: .* the index says/ };
    },
  ],
  [
    "a row of the index of streams too many",
    ({ streams }) => {
      streams.set("run/tiny\n900", [3, 1]);
      return { seq: 0, reason: /^streams: it has \d+ rows for \d+ appends/ };
    },
  ],
  [
    "a row of the index of commands, taken out",
    ({ commands }, { events }) => {
      const key = firstKey(commands, "learner/");
      commands.delete(key);
      const seq = events.findIndex(({ stream }) => stream === "learner/tiny") + 1;
      return { seq, reason: /^commands: .* the index has no row/ };
    },
  ],
  [
    "a row of the index of commands with another count",
    ({ commands }, { events }) => {
      const key = firstKey(commands, "learner/");
      const [first = 0, count = 0] = commands.get(key) ?? [];
      commands.set(key, [first, count + 1]);
      const seq = events.findIndex(({ stream }) => stream === "learner/tiny") + 1;
      return { seq, reason: /^commands: .* the index says/ };
    },
  ],
  [
    "a row of the index of commands too many",
    ({ commands }) => {
      commands.set("run/tiny\nlater", [1, 1]);
      return { seq: 0, reason: /^commands: it has/ };
    },
  ],
  [
    "a lease that is taken out",
    (tables) => {
      tables.leases = tables.leases.filter(({ name }) => name !== "judge/tiny");
      return { seq: 0, reason: /^leases: judge\/tiny: .* there is no such lease/ };
    },
  ],
  [
    "a lease at an earlier epoch",
    (tables) => {
      tables.leases = tables.leases.map((lease) => ({ ...lease, epoch: 0 }));
      return { seq: 0, reason: /^leases: .* it stands at 0/ };
    },
  ],
  [
    "a lease of another writer",
    (tables) => {
      tables.leases = tables.leases.map((lease) =>
        lease.name.startsWith("group/") ? { ...lease, holder: "stranger/host/1" } : lease,
      );
      return { seq: 0, reason: /^leases: group\/.*stranger.* never registered/ };
    },
  ],
  [
    "a lease of the head's that a worker holds",
    (tables) => {
      tables.leases = tables.leases.map((lease) =>
        lease.name === "run/tiny" ? { ...lease, holder: "rollout-0/here/1" } : lease,
      );
      return { seq: 0, reason: /^leases: run\/tiny: .* and not the head/ };
    },
  ],
  [
    "a blob that is taken out",
    ({ blobs }, record) => {
      const name = String(
        record.events.find(({ type }) => type === "tool.returned")?.data["image"],
      );
      blobs.delete(name);
      return { seq: firstNaming(record, name), reason: /^blobs: sha256:\w+: it is not there/ };
    },
  ],
  [
    "a byte of a blob",
    ({ blobs }, record) => {
      const { policy = "" } = begun(record);
      const bytes = Uint8Array.from(blobs.get(policy) ?? []);
      bytes[7] = (bytes[7] ?? 0) ^ 1;
      blobs.set(policy, bytes);
      return { seq: 1, reason: /^blobs: sha256:\w+: its bytes are those of sha256:/ };
    },
  ],
  [
    "two blobs that are swapped",
    ({ blobs }, record) => {
      const { policy = "", optimizer = "" } = begun(record);
      const [one = new Uint8Array(), two = new Uint8Array()] = [policy, optimizer].map((name) =>
        blobs.get(name),
      );
      blobs.set(policy, two).set(optimizer, one);
      return { seq: 1, reason: /^blobs: / };
    },
  ],
  [
    "a blob that is cut short",
    ({ blobs }, record) => {
      const { optimizer = "" } = begun(record);
      blobs.set(optimizer, (blobs.get(optimizer) ?? new Uint8Array()).slice(0, -1));
      return { seq: 1, reason: /^blobs: / };
    },
  ],
];

for (const [what, change] of tampered) {
  test(`${what}: found, in memory and in files`, async () => {
    const record = await realRun();
    const tables = tablesOf(record);
    const files = signed(tables);
    const { seq, reason } = change(tables, record);
    for (const report of [auditTables(tables, files), await auditFiles(tables, files)]) {
      assert.is(report.firstBad?.seq, seq, JSON.stringify(report.faults));
      assert.match(report.firstBad?.reason ?? "", reason);
    }
  });
}

test("real files that nobody touched pass every check, as in memory", async () => {
  const tables = tablesOf(await realRun());
  const files = signed(tables);
  const [memory, lmdb] = [auditTables(tables, files), await auditFiles(tables, files)];
  assert.equal(lmdb.firstBad, null);
  assert.equal(lmdb.checks, memory.checks);
});

test("a worker of another numeric class is not one of a strict run's", async () => {
  const record = await realRun();
  for (const { type, data } of record.events) {
    if (type === "actor.registered" && data["role"] === "rollout") {
      data["numericClass"] = { ...(data["numericClass"] as object), code: "other" };
    }
  }
  assert.match(auditTables(tablesOf(record)).firstBad?.reason ?? "", /is of another class/);
});

test("whichever bit of a stored event is turned, it is found", async () => {
  const record = await realRun();
  const tables = tablesOf(record);
  const files = signed(tables);
  const seed = 11;
  const random = new RandomStream(seed, "bits");
  for (let round = 0; round < 150; round++) {
    const global = 1 + random.integer(tables.rows.size);
    const row = tables.rows.get(global) ?? new Uint8Array();
    const [at, bit] = [random.integer(row.length), random.integer(8)];
    const flipped = Uint8Array.from(row);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
    tables.rows.set(global, flipped);
    const { firstBad } = auditTables(tables, files);
    tables.rows.set(global, row);
    const place = `seed ${seed}, event ${global}, byte ${at}, bit ${bit}`;
    assert.ok(firstBad !== null, `${place}: not found`);
    // Found by what it says, or by the checkpoints on both sides of it.
    const range = /^(?:chain|checkpoints): (?:one of the events (\d+) to (\d+)|event (\d+))/;
    const [, from, to] = range.exec(firstBad.reason) ?? [];
    const isNear = from === undefined || (Number(from) <= global && global <= Number(to));
    assert.ok(isNear, `${place}: told as ${JSON.stringify(firstBad)}`);
  }
});

test("whichever bit is turned in a ledger without checkpoints, the chain tells", async () => {
  const record = await realRun();
  const rows = record.events.map((event) => encodeEnvelope(event));
  const { head } = tablesOf(record);
  for (const global of [1, 500, rows.length]) {
    const changed = rows.map((row) => Uint8Array.from(row));
    const row = changed[global - 1] ?? new Uint8Array();
    row[row.length - 1] = (row.at(-1) ?? 0) ^ 1;
    const tables = tablesOfRows(record, changed);
    tables.head = head;
    assert.ok("chain" in auditTables(tables, { notes: "", keys: "" }).faults);
  }
});

test.run();
