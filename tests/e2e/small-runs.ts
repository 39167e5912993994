// The runs of these tests: the quick start, as small as it can be, each in a folder of its own.
import { access, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunResult, resultOfEvents } from "../../actors/index.ts";
import type { EventData, EventEnvelope, EventType } from "../../events/index.ts";
import { type BusPlace, readBusFile } from "../../runtime/index.ts";
import { openLedgerReader } from "../../storage/index.ts";
import { containersOf, type Heard, processesNaming, startNode } from "./host-processes.ts";

const preset = "config/quickstart.toml";
export const checkpoint = "models/tiny";
/** Without the shipped checkpoint there is nothing to run. */
export const isBuilt = await access(`${checkpoint}/model.safetensors`).then(
  () => true,
  () => false,
);

/** Two steps of three groups and a small evaluation. */
const small = [
  "run.steps=2",
  "rollout.prompts=3",
  "rollout.samples=4",
  "rollout.rows_max=32",
  "learner.micro_rows=12",
  // A second policy that differs clearly from the first: a worker that keeps the first must show.
  "learner.learning_rate=1e-3",
  "learner.warmup_steps=0",
  'evaluation.sets=[{ name = "a", set = "singles", tasks = 8, greedy = true, when = ["after"] }]',
];

/** A run's place on the disk. */
export interface RunPlace {
  readonly run: string;
  readonly directory: string;
}

/** What tsx keeps between processes; a run without it would translate every file anew. */
const loaderCache = /^(?:tsx-|node-compile-cache$)/;

/** A temporary folder with runs in it, and processes that know no other temporary folder. */
export class SmallRuns {
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#env = { ...process.env, TMPDIR: join(folder, "temporary") };
  }

  static async open(): Promise<SmallRuns> {
    const folder = await mkdtemp(join(tmpdir(), "varft-e2e-"));
    await mkdir(join(folder, "temporary"));
    for (const name of await readdir(tmpdir())) {
      if (!loaderCache.test(name)) continue;
      await symlink(join(tmpdir(), name), join(folder, "temporary", name));
    }
    return new SmallRuns(folder);
  }

  /** The folder of the run `name`'s runs: there is one in it. */
  folder(name: string): string {
    return join(this.#folder, name);
  }

  /** Starts `varft train`, changed by `sets`. */
  train(name: string, ...sets: readonly string[]): Heard {
    return this.trainIn({}, name, ...sets);
  }

  /** The same with more variables in its environment. */
  trainIn(env: Readonly<Record<string, string>>, name: string, ...sets: readonly string[]): Heard {
    return this.node(env, "cli/varft.mjs", ...this.#trainWords(name, sets));
  }

  /** The same over a bus that is there already. */
  trainOver({ url, token }: BusPlace, name: string, ...sets: readonly string[]): Heard {
    return this.trainIn({ VARFT_BUS_TOKEN: token }, name, ...sets, `bus.url=${url}`);
  }

  #trainWords(name: string, sets: readonly string[]): readonly string[] {
    const words = [...small, ...sets].flatMap((one) => ["--set", one]);
    return ["train", preset, "--json", "--runs", this.folder(name), ...words];
  }

  varft(...argv: readonly string[]): Heard {
    return this.node({}, "cli/varft.mjs", ...argv);
  }

  node(env: Readonly<Record<string, string>>, ...argv: readonly string[]): Heard {
    return startNode(argv, { ...this.#env, ...env });
  }

  /** Where the run is; waits until its directory is there. */
  async place(name: string): Promise<RunPlace> {
    const folder = this.folder(name);
    return eventually(`a run in ${folder}`, async () => {
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      const run = entries.find((entry) => entry.isDirectory())?.name;
      return run === undefined ? null : { run, directory: join(folder, run) };
    });
  }

  /** Whether the run has a directory now. */
  async isThere(name: string): Promise<boolean> {
    const entries = await readdir(this.folder(name), { withFileTypes: true }).catch(() => []);
    return entries.some((entry) => entry.isDirectory());
  }

  /** Where the run's private bus is; waits for it. */
  async bus(name: string): Promise<BusPlace> {
    const { directory } = await this.place(name);
    return eventually(`a bus of ${directory}`, () => readBusFile(directory));
  }

  async events(name: string): Promise<readonly EventEnvelope[]> {
    const { directory } = await this.place(name);
    const reader = await openLedgerReader(directory);
    try {
      const events: EventEnvelope[] = [];
      for (let next = 1; ; ) {
        const page = await reader.readAll(next);
        const last = page.at(-1);
        if (last === undefined) return events;
        events.push(...page.map(({ event }) => event));
        next = last.global + 1;
      }
    } finally {
      await reader.close();
    }
  }

  async result(name: string): Promise<RunResult> {
    return resultOfEvents(await this.events(name));
  }

  /** Everything of the run `name` that is left besides its ledger and its settings. */
  async leftovers(name: string): Promise<readonly string[]> {
    const { run, directory } = await this.place(name);
    const temporary = await readdir(join(this.#folder, "temporary"));
    const files = await readdir(directory, { recursive: true });
    return [
      ...processesNaming(run),
      ...containersOf(run).map((id) => `container ${id}`),
      ...temporary.filter((file) => !loaderCache.test(file)),
      ...files.filter((file) => !kept.test(file)),
    ];
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** What a run directory consists of. */
const kept =
  /^(?:config\.json|checkpoints\.(?:txt|pub)|bus\.json|nats\.(?:conf|pid)|(?:ledger|blobs)(?:\/(?:data|lock)\.mdb)?|writer\.lock)$/;

/** The data of all events of a type, in the order of the ledger. */
export function dataOf<T extends EventType>(
  events: readonly EventEnvelope[],
  type: T,
): readonly EventData<T>[] {
  return events.filter((one) => one.type === type).map(({ data }) => data as EventData<T>);
}

const waitMsMax = 180_000;

/** What `look` finds; it is asked until there is something. */
export async function eventually<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + waitMsMax;
  while (performance.now() < deadline) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited ${waitMsMax} ms for ${what}`);
}
