// Goal: an audit in two threads says the same as in one, whatever was tampered with.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { auditRun } from "../../../replay/index.ts";
import { auditFiles, realRun, signed, type Tables, tablesOf, writeTables } from "./forge.ts";

const test = suite("replay/audit: two threads");

const noTrust = { trustedKey: null, trustedNotes: null };

const changes: Readonly<Record<string, (tables: Tables) => void>> = {
  "nothing that is wrong": () => {},
  "rows that are missing": ({ rows }) => {
    for (const global of [40, 41]) rows.delete(global);
  },
  "a row of garbage": ({ rows }) => rows.set(77, new Uint8Array(50).fill(0xc1)),
  "two rows that are swapped": ({ rows }) => {
    const [one, two] = [rows.get(31), rows.get(60)];
    if (one !== undefined && two !== undefined) rows.set(31, two).set(60, one);
  },
  "rows beyond the head": (tables) => {
    tables.head = { ...tables.head, size: tables.head.size - 5 };
  },
  "a lost row of the index, and a lost blob": ({ streams, commands, blobs }) => {
    for (const table of [streams, commands, blobs]) table.delete([...table.keys()][3] ?? "");
  },
};

for (const [what, change] of Object.entries(changes)) {
  test(`${what}: told as by one thread`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "varft-two-threads-"));
    try {
      const tables = tablesOf(await realRun());
      const files = signed(tables);
      change(tables);
      await writeTables(directory, tables, files);
      const [one, two] = [
        await auditFiles(tables, files),
        await auditRun(directory, { ...noTrust, twoThreadsEventsMin: 1 }),
      ];
      assert.equal({ ...two, eventsPerSecond: 0 }, { ...one, eventsPerSecond: 0 });
      assert.is(two.checks["chain"], two.events);
      assert.is(two.firstBad === null, what === "nothing that is wrong");
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

test.run();
