// The configuration of an evaluation (`varft eval`): which policy, on which benchmarks, asked how.
// It is lowered to that of a run without steps (`eval-run.ts`), so that the same actors play it.
import { z } from "zod";
import { rowsMaxDefault } from "./engine-schema.ts";
import { adapterPolicy, basePolicy, runPolicy, serverPolicy } from "./policy-schema.ts";
import { bus, rollout, sandbox } from "./run-schema.ts";
import { search } from "./search-schema.ts";
import { mapped } from "./tasks-schema.ts";

const path = z.string().min(1);
const count = (max: number) => z.int().min(1).max(max);

const tasksMax = 1_000_000;
const setsMax = 32;
const seedMax = 2 ** 31;

/** The benchmarks of the paper's tables. */
export const publishedBenchmarks = [
  "mat-coding",
  "mat-search",
  "2wikimultihopqa",
  "hotpotqa",
  "musique",
  "bamboogle",
] as const;

const asked = {
  name: z.string().regex(/^[a-z0-9-]+$/, "use small letters, digits and dashes"),
  /**
   * `tools`: the agent acts. `direct`: it is asked for the answer alone, `cot`: for a thought and
   * the answer, `rag`: for the answer after one search with the question.
   */
  mode: z.enum(["tools", "direct", "cot", "rag"]).default("tools"),
  /** False: sampled at `rollout.temperature`. */
  greedy: z.boolean().default(true),
} as const;

const file = {
  /** JSON or JSON lines. */
  file: path,
  /** The folder of the images; left out: the one that official files have beside them. */
  images: path.optional(),
  /** The first so many rows; left out: all. */
  tasks: count(tasksMax).optional(),
  /** Bad rows are left out, named and counted; else they end the evaluation before it begins. */
  badRowsAllowed: z.boolean().default(false),
} as const;

const set = z.discriminatedUnion("type", [
  z.strictObject({ type: z.enum(publishedBenchmarks), ...asked, ...file }),
  /** Rows of one's own in an official layout. */
  z.strictObject({ type: z.literal("rows"), ...asked, ...file }),
  /** Rows of one's own, read by the keys that are named. */
  z.strictObject({
    type: z.literal("mapped"),
    ...asked,
    ...file,
    task: mapped.task,
    fields: mapped.fields,
  }),
  /** The generated benchmark. */
  z.strictObject({
    type: z.literal("mini"),
    ...asked,
    set: z.enum(["singles", "pairs", "pairs-kept-out"]),
    tasks: count(tasksMax),
  }),
]);

const positive = z.number().positive();
const turnsDefault = 5;

const played = rollout
  .pick({
    workers: true,
    device: true,
    threads: true,
    rowsMax: true,
    widening: true,
    engine: true,
    protocol: true,
    cropOracle: true,
  })
  .extend({
    temperature: positive.max(10).default(1),
    /** Turns of an agent that acts; the published evaluation has 5. */
    turnsMax: count(64).default(turnsDefault),
    /** Executed tool calls of a trajectory; left out: one for each turn but the last. */
    callsMax: z.int().min(0).max(64).optional(),
    turnTokensMax: count(131_072).default(2_048),
    /** Tokens of a conversation with its answer; left out: 16,384. */
    contextTokensMax: count(131_072).optional(),
  });

/** The file, key for key (in camel case). */
export const evalSchema = z
  .strictObject({
    /** Left out: `strict`, or `tolerance` where a server answers. */
    determinism: z.enum(["strict", "tolerance"]).optional(),
    run: z.strictObject({ seed: z.int().min(0).max(seedMax) }).prefault({ seed: 1 }),
    policy: z.discriminatedUnion("type", [basePolicy, adapterPolicy, runPolicy, serverPolicy]),
    sets: z.array(set).min(1).max(setsMax),
    rollout: played.prefault({}),
    sandbox: sandbox.prefault({}),
    search: search.optional(),
    bus: bus.prefault({}),
  })
  .check(({ value, issues }) => {
    for (const [at, message] of [
      ...setFaults(value),
      ...modeFaults(value),
      ...serverFaults(value),
    ]) {
      issues.push({ code: "custom", path: [...at], message, input: value });
    }
  });

/** An evaluation's configuration, complete and checked. */
export type EvalConfig = z.infer<typeof evalSchema>;
export type EvalSet = EvalConfig["sets"][number];

type Fault = readonly [path: readonly (string | number)[], message: string];

function setFaults({ sets, search: searched }: EvalConfig): Fault[] {
  const faults: Fault[] = [];
  const names = new Set<string>();
  for (const [index, { name }] of sets.entries()) {
    if (!names.has(name)) names.add(name);
    else faults.push([["sets", index, "name"], `"${name}" is the name of another set already`]);
  }
  const wanting = sets.find(
    ({ mode, type }) => mode === "rag" || (mode === "tools" && type !== "mat-coding"),
  );
  if (searched === undefined && wanting !== undefined) {
    const message = `is missing: the set "${wanting.name}" searches`;
    faults.push([["search"], message]);
  }
  const asks = sets.some(({ mode }) => mode === "rag" || mode === "tools");
  if (searched !== undefined && !asks) {
    faults.push([["search"], "has no effect: no set searches (mode is direct or cot)"]);
  }
  return faults;
}

/** Keys of `[rollout]` that say how varft samples, with what they are where they are left out. */
const ownSampling = {
  device: ["cpu"],
  threads: 1,
  rowsMax: rowsMaxDefault,
  widening: "token",
} as const;

/** Keys of `[rollout]` that would have no effect in the modes that are asked for. */
function modeFaults({ sets, rollout: given }: EvalConfig): Fault[] {
  const faults: Fault[] = [];
  const add = (key: string, why: string): void => {
    faults.push([["rollout", key], `has no effect: ${why}`]);
  };
  if (sets.every(({ mode }) => mode !== "tools")) {
    const nobody = 'no set has mode = "tools"';
    if (given.turnsMax !== turnsDefault) add("turnsMax", nobody);
    if (given.callsMax !== undefined) add("callsMax", nobody);
    if (given.cropOracle !== "off") add("cropOracle", nobody);
  }
  if (given.temperature !== 1 && sets.every(({ greedy }) => greedy)) {
    add("temperature", "every set is greedy");
  }
  return faults;
}

function serverFaults({ policy, rollout: given, determinism }: EvalConfig): Fault[] {
  if (policy.type !== "server") return [];
  const faults: Fault[] = [];
  const unused = Object.entries(ownSampling).filter(([key, value]) => {
    return [given[key as keyof typeof ownSampling]].flat().join() !== [value].flat().join();
  });
  for (const [key] of unused) faults.push([["rollout", key], "has no effect: a server samples"]);
  if (given.engine.type !== "built-in") {
    faults.push([["rollout", "engine"], 'has no effect with policy.type = "server"']);
  }
  if (given.contextTokensMax !== undefined) {
    const message = "has no effect: a server's text is counted by policy.context_characters_max";
    faults.push([["rollout", "contextTokensMax"], message]);
  }
  if (determinism === "strict") {
    const message = 'must be "tolerance": nobody can say that a server would say it again';
    faults.push([["determinism"], message]);
  }
  if (given.turnTokensMax >= policy.contextCharactersMax) {
    const message = `must be less than policy.context_characters_max (${policy.contextCharactersMax})`;
    faults.push([["rollout", "turnTokensMax"], message]);
  }
  return faults;
}
