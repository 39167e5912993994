// Goal: no check of an audit is idle. Somebody who owns the signing key forges a run, and chains,
// indexes and signs it anew: for each check there is a forgery that it finds, and no other does.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { newSigningKey } from "../../../storage/index.ts";
import { envelopeCases } from "./cases-envelopes.ts";
import { planCases } from "./cases-plans.ts";
import { policyCases } from "./cases-policies.ts";
import { pruneCases } from "./cases-prunes.ts";
import { rewardCases } from "./cases-rewards.ts";
import {
  auditTables,
  madeConsistent,
  type RunRecord,
  realRun,
  type Signed,
  signed,
  type Tables,
  tablesOf,
} from "./forge.ts";
import { find } from "./tampering.ts";

const test = suite("replay/audit: only it finds");

interface Forged {
  readonly tables: Tables;
  readonly files?: Signed;
}

/** Signs a record as it is after `change`: numbers and ids stay as the forger has left them. */
const record = (change: (record: RunRecord) => void) => async (): Promise<Forged> => {
  const forged = await realRun();
  change(forged);
  return { tables: tablesOf(forged) };
};

/** Signs tables of which `change` has changed what no signature covers. */
const tables =
  (change: (tables: Tables, record: RunRecord) => void) => async (): Promise<Forged> => {
    const forged = await realRun();
    const stored = tablesOf(forged);
    const files = signed(stored);
    change(stored, forged);
    return { tables: stored, files };
  };

const firstKey = (map: ReadonlyMap<string, unknown>): string => [...map.keys()][0] ?? "";

/** What is below the meaning of events, by the check that alone finds it. */
const below: Readonly<Record<string, () => Promise<Forged>>> = {
  chain: tables((stored) => {
    stored.head = { ...stored.head, hash: "ab".repeat(32) };
  }),
  async checkpoints() {
    const stored = tablesOf(await realRun());
    const key = newSigningKey();
    const longer = { ...stored, run: "another" };
    const notes = signed(stored, key).notes + signed(longer, key).notes;
    return { tables: stored, files: { notes, keys: `${key.verifier.text}\n` } };
  },
  events: record((run) => {
    find(run, "run.completed").data["note"] = "trust me";
  }),
  sequences: record((run) => {
    find(run, "run.completed").seq += 1;
  }),
  ids: record((run) => {
    find(run, "run.completed").id = "0".repeat(64);
  }),
  streams: tables(({ streams }) => streams.delete(firstKey(streams))),
  commands: tables(({ commands }) => commands.delete(firstKey(commands))),
  leases: tables((stored) => {
    stored.leases = stored.leases.map((lease) => ({ ...lease, holder: "nobody" }));
  }),
  blobs: tables(({ blobs }) => blobs.delete([...blobs.keys()].at(-1) ?? "")),
};

const meanings = [...policyCases, ...rewardCases, ...planCases, ...envelopeCases, ...pruneCases];

const { checks } = auditTables(tablesOf(await realRun()));

for (const check of Object.keys(checks)) {
  test(`${check}: there is a forgery that only it finds`, async () => {
    const ways = below[check] === undefined ? meaningsOf(check) : [below[check]];
    const others: string[] = [];
    for (const forge of ways) {
      const { tables: stored, files } = await forge();
      const { faults } = auditTables(stored, files);
      if (Object.keys(faults).join() === check) return;
      others.push(Object.keys(faults).join());
    }
    assert.unreachable(`${ways.length} forgeries are found by ${others.join("; ")}`);
  });
}

/** Changed facts in an otherwise consistent ledger that a check is there for. */
function meaningsOf(check: string): readonly (() => Promise<Forged>)[] {
  const own = meanings.filter(([, name]) => name === check);
  return own.map(([, , , change]) =>
    record((run) => {
      change(run);
      madeConsistent(run);
    }),
  );
}

test.run();
