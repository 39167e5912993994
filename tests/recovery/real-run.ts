// A run of real processes that is disturbed: started, followed by its ledger, hit, resumed until it
// has ended, and held against the undisturbed one.
import type { RunResult } from "../../actors/index.ts";
import type { EventType } from "../../events/index.ts";
import { type BusPlace, readBusFile } from "../../runtime/index.ts";
import { type Follower, follow, type LedgerReader, openLedgerReader } from "../../storage/index.ts";
import { containersOf, type Ending, type Heard, processesNaming } from "../e2e/host-processes.ts";
import type { SmallRuns } from "../e2e/small-runs.ts";
import type { DisturbingProxy } from "./disturbing-proxy.ts";
import { inject, type RealFault, untilThere } from "./real-faults.ts";
import type { PlannedFault } from "./real-plan.ts";
import { type Findings, verifyRun } from "./verify.ts";
import { Witness } from "./witness.ts";

/** A fault that was done. */
export interface DoneFault {
  readonly fault: RealFault;
  /** The event that brought it; null: its time had come. */
  readonly at: EventType | null;
}

export interface Disturbed extends Findings {
  readonly faults: readonly DoneFault[];
  /** Heads that were started. */
  readonly heads: number;
  readonly seconds: number;
  /** Processes, containers and files that were left at the end. */
  readonly leftovers: readonly string[];
  readonly events: number;
  /** Events and blobs that were heard of on the bus. */
  readonly told: number;
}

export interface RealRunOptions {
  readonly runs: SmallRuns;
  readonly name: string;
  readonly faults: readonly PlannedFault[];
  readonly wanted: RunResult;
  /** A bus that is not the head's own, behind a network that misbehaves. */
  readonly bus?: BusPlace & { readonly proxy: DisturbingProxy };
  readonly sets?: readonly string[];
}

/** A run that does not end in this time has failed, in milliseconds. */
const runMsMax = 900_000;
/** Heads that a run may need. */
const headsMax = 40;

/** A head that ended before its run had begun: it leaves nothing, so there is nothing to resume. */
class NeverBegan extends Error {}

/** Plays the run through its faults to its end. One that never began is begun anew. */
export async function disturb(options: RealRunOptions): Promise<Disturbed> {
  const begun = performance.now();
  const before: DoneFault[] = [];
  for (let { faults } = options; ; ) {
    const run = new RealRun({ ...options, faults });
    try {
      await run.play();
      const found = await run.findings();
      const seconds = (performance.now() - begun) / 1_000;
      return { ...found, faults: [...before, ...found.faults], seconds };
    } catch (thrown) {
      if (!(thrown instanceof NeverBegan)) throw thrown;
      before.push(...run.done);
      faults = run.left;
    } finally {
      await run.close();
    }
  }
}

class RealRun {
  readonly #options: RealRunOptions;
  readonly #witness = new Witness();
  readonly #done: DoneFault[] = [];
  readonly #ending = new AbortController();
  /** Faults that are still to come, and how many of their events have been seen. */
  readonly #waiting: PlannedFault[];
  readonly #seen = new Map<PlannedFault, number>();
  #injecting: Promise<void> = Promise.resolve();
  #reader: LedgerReader | null = null;
  #follower: Follower | null = null;
  #head: Heard;
  #heads = 1;

  constructor(options: RealRunOptions) {
    const { runs, name, bus, sets = [] } = options;
    this.#options = options;
    this.#waiting = [...options.faults];
    this.#head = bus === undefined ? runs.train(name, ...sets) : runs.trainOver(bus, name, ...sets);
  }

  /** The faults that were done. */
  get done(): readonly DoneFault[] {
    return this.#done;
  }

  /** The faults whose time has not come. */
  get left(): readonly PlannedFault[] {
    return this.#waiting;
  }

  async play(): Promise<void> {
    const late = setTimeout(() => this.#ending.abort(new Error(this.#situation())), runMsMax);
    const watched = this.#watch();
    try {
      await Promise.race([this.#untilEnd(), watched.then(() => new Promise<never>(() => {}))]);
    } finally {
      clearTimeout(late);
      this.#ending.abort(new Error("over"));
      await watched.catch(() => {});
      await this.#injecting;
    }
  }

  async findings(): Promise<Omit<Disturbed, "seconds">> {
    const { runs, name, wanted } = this.#options;
    const { directory, run } = await runs.place(name);
    await quiet(run);
    const reader = await openLedgerReader(directory);
    try {
      const found = await verifyRun(reader, this.#witness, wanted);
      return {
        ...found,
        faults: this.#done,
        heads: this.#heads,
        leftovers: await runs.leftovers(name),
        events: (await reader.head()).size,
        told: this.#witness.events.size + this.#witness.blobs.size,
      };
    } finally {
      await reader.close();
    }
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error("over"));
    this.#head.signal("SIGCONT");
    this.#head.signal("SIGKILL");
    await this.#head.ended;
    await this.#follower?.close();
    await this.#reader?.close();
    await this.#witness.close();
  }

  #situation(): string {
    return `not over in ${runMsMax} ms; done: ${JSON.stringify(this.#done)}`;
  }

  /** The head's life, and those of the heads after it. */
  async #untilEnd(): Promise<void> {
    const { signal } = this.#ending;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => {});
    for (;;) {
      const ending = await Promise.race([this.#head.ended, aborted]);
      if (ending.code === 0) return;
      this.#mayGoOn(ending);
      await this.#resume();
    }
  }

  /** A head that ended without having been hit has failed. */
  #mayGoOn({ code, err }: Ending): void {
    const hit = this.#done.some(({ fault }) => endsHeads(fault));
    if (hit && this.#heads < headsMax) return;
    throw new Error(`head ${this.#heads} ended with code ${code}: ${err}`);
  }

  async #resume(): Promise<void> {
    const { runs, name, bus } = this.#options;
    if (!(await runs.isThere(name))) throw new NeverBegan();
    const { run } = await runs.place(name);
    const env = bus === undefined ? {} : { VARFT_BUS_TOKEN: bus.token };
    const argv = ["train", "--resume", run, "--runs", runs.folder(name), "--json"];
    this.#heads += 1;
    this.#head = runs.node(env, "cli/varft.mjs", ...argv);
  }

  /** Takes note of an event: has it brought a fault? */
  #note(type: EventType): void {
    const next = this.#waiting.find(({ event }) => event === type);
    if (next === undefined) return;
    const seen = (this.#seen.get(next) ?? 0) + 1;
    this.#seen.set(next, seen);
    if (seen >= next.count) this.#fall(next);
  }

  /** A fault that cannot be done ends the run with what hindered it. */
  #fall(planned: PlannedFault): void {
    this.#due(planned).catch((thrown: unknown) => this.#ending.abort(thrown));
  }

  /** The fault's time has come. One is done after the other, as soon as it has a victim. */
  async #due(planned: PlannedFault): Promise<void> {
    this.#waiting.splice(this.#waiting.indexOf(planned), 1);
    const { fault, event, afterMs } = planned;
    if (event !== null) await pause(afterMs);
    const over = this.#ending.signal;
    if (over.aborted) return;
    const { run } = await this.#options.runs.place(this.#options.name);
    const proxy = this.#options.bus?.proxy ?? null;
    const target = { run, headPid: () => this.#head.pid, proxy, over };
    if (!(await untilThere(fault, target))) return;
    const done = { fault, at: event };
    this.#injecting = this.#injecting.then(async () => {
      if (over.aborted) return;
      this.#done.push(done);
      const hit = await inject(fault, target);
      if (!hit) this.#done.splice(this.#done.indexOf(done), 1);
    });
  }

  /** Follows the ledger as soon as there is one, and listens at the bus. */
  async #watch(): Promise<void> {
    const { runs, name, bus } = this.#options;
    const { run, directory } = await runs.place(name);
    for (const planned of this.#waiting.filter(({ event }) => event === null)) {
      void pause(planned.afterMs).then(() => this.#fall(planned));
    }
    this.#reader = await this.#eventually(() => openLedgerReader(directory));
    const note = ({ event }: { readonly event: { readonly type: string } }): void =>
      this.#note(event.type as EventType);
    this.#follower = follow(this.#reader, note, { from: 1, intervalMs: 5 });
    await this.#eventually(async () => {
      const place = bus ?? (await readBusFile(directory));
      if (place === null) throw new Error("no bus yet");
      await this.#witness.listen(place, run);
    });
  }

  async #eventually<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      this.#ending.signal.throwIfAborted();
      try {
        return await attempt();
      } catch {
        await pause(20);
      }
    }
  }
}

/** Whether a head may end with an error after this fault. */
function endsHeads(fault: RealFault): boolean {
  if (fault.kind === "fsync-fails") return true;
  const isKill = fault.kind === "kill" || fault.kind === "kill-group";
  return isKill && (fault.victim === "head" || fault.victim === "power");
}

/** Children of a killed head take a moment to notice. */
async function quiet(run: string): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    if (processesNaming(run).length === 0 && containersOf(run).length === 0) return;
    await pause(100);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
