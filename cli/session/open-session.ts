// Opens a run: ledger, bus, tools, head, workers. The wiring of everything that `varft train`
// starts.
//
// 1. What was opened is closed in the opposite order, also when opening fails half-way; workers go
//    first, so that nobody is left who asks.
// 2. The first fault that nobody mends ends the session: `done` rejects with it.
import {
  EvidenceError,
  engineName,
  type InitialPolicy,
  initialPolicy,
  SandboxLog,
  startHead,
} from "../../actors/index.ts";
import {
  announceCheckpoints,
  announceCommits,
  busPatienceMs,
  connectNats,
  serveLedger,
} from "../../runtime/index.ts";
import type { PoolNotice } from "../../sandbox/index.ts";
import { type Ledger, type Head as LedgerHead, openLedger } from "../../storage/index.ts";
import { recordedSource } from "../../tasks/index.ts";
import { engineKey } from "../environment.ts";
import { eachEvent } from "../run/index.ts";
import { version } from "../version.ts";
import { openCheckpoints } from "./checkpoints.ts";
import { Closers } from "./closers.ts";
import { runClassOf } from "./devices.ts";
import { EarlierPrograms } from "./earlier-programs.ts";
import { openJudge } from "./judge.ts";
import { openBusPlace, openTasks, openTools } from "./parts.ts";
import { localCluster } from "./processes.ts";
import { openSearch } from "./search.ts";
import type { Beginning, OpenSession, SessionOptions } from "./types.ts";
import { startWorkers } from "./workers.ts";

export const openSession: OpenSession = async (options, signal) => {
  const closers = new Closers();
  try {
    const { done } = await open(options, closers, signal);
    return { done, close: () => closers.close() };
  } catch (thrown) {
    await closers.close().catch(() => {});
    throw thrown;
  }
};

async function open(
  options: SessionOptions,
  closers: Closers,
  signal: AbortSignal,
): Promise<{ readonly done: Promise<unknown> }> {
  const { run, config, onEvent } = options;
  const address = { cluster: localCluster, run };
  const fault = new Fault();
  // First what costs nothing to be wrong about: no server is started for a missing checkpoint.
  const initial = await initialPolicy(config);
  requireParentsBase(initial, options);
  const tasksOver = await tasksOf(options);
  const engine = await engineName(config, engineKey(config, options.env), signal);
  const search = await openSearch(options, closers, signal);
  signal.throwIfAborted();
  const { ledger, listeners, earlier } = await openRecord(options, closers);
  signal.throwIfAborted();
  const place = await openBusPlace(options, closers, fault.raise);
  const name = `head ${run}`;
  const bus = await connectNats({ ...place, name, patienceMs: busPatienceMs, signal });
  closers.add(() => bus.close());
  const service = serveLedger(bus, address, ledger, fault.raise);
  closers.add(() => service.close());
  listeners.push(announceCommits(bus, address));
  signal.throwIfAborted();
  const rewards = await openJudge({ ...options, ledger }, closers);
  // For what opens late and closes late: what tools and sandbox record at their end is signed, too.
  const late = new Closers();
  closers.add(() => late.close());
  const log = new SandboxLog({ ledger, onFailed: fault.raise });
  closers.add(() => log.end());
  const note = (notice: PoolNotice) => log.note(notice);
  const { tools, digest, pool } = await openTools(options, search, ledger.blobs, closers, note);
  earlier.tell(tools);
  // Last of all: a run that cannot begin leaves no key behind.
  const onSigned = announceCheckpoints(bus, address);
  const parts = { session: options, ledger, onSigned, onFailed: fault.raise };
  const sign = await openCheckpoints(parts, late);
  const head = await startHead({
    address,
    bus,
    ledger,
    config,
    numericClass: await runClassOf({
      config,
      sandbox: digest,
      engine,
      path: options.env["PATH"] ?? "",
    }),
    varft: await version(),
    initial: await storeInitial(initial, options.beginning, ledger),
    tasks: tasksOver((name) => ledger.blobs.get(name)),
    tools,
    pool: () => pool?.state() ?? null,
    rewards,
    onEvent(event) {
      onEvent(event);
      sign(event);
    },
  });
  closers.add(() => head.close());
  const size = config.sandbox.containers;
  if (pool !== null) await log.begin({ level: pool.level, size, digest });
  listeners.push(() => head.hint());
  signal.throwIfAborted();
  const crew = { session: options, cluster: localCluster, place, head, onFailed: fault.raise };
  startWorkers(crew, closers);
  const done = Promise.race([head.done, fault.raised]);
  // Whoever awaits `done` sees its failure; until then it must not end the process.
  done.catch(() => {});
  return { done };
}

/** The ledger, who hears of its commits, and the programs that earlier sessions recorded. */
async function openRecord(options: SessionOptions, closers: Closers) {
  const { directory, clock, onEvent } = options;
  const listeners: ((head: LedgerHead) => void)[] = [];
  const onCommitted = (head: LedgerHead) => {
    for (const listener of listeners) listener(head);
  };
  const ledger = await (options.openLedger ?? openLedger)(directory, { clock, onCommitted });
  closers.add(() => ledger.close());
  const earlier = new EarlierPrograms();
  await eachEvent(ledger, (event) => {
    onEvent(event);
    earlier.note(event);
  });
  return { ledger, listeners, earlier };
}

/** A fork goes on with its parent's checkpoint. */
function requireParentsBase({ base }: InitialPolicy, { beginning, config }: SessionOptions): void {
  if (beginning === undefined || beginning.base === base) return;
  throw new EvidenceError(
    `${config.model.directory} is ${base}, the parent began with ${beginning.base}: name the ` +
      "folder of its checkpoint by --set model.directory=DIR",
  );
}

/** Where tasks come from: the run's source or, of a continuation, what was kept with it. */
async function tasksOf({ config, beginning, say }: SessionOptions) {
  const kept = beginning?.kept ?? null;
  if (kept !== null)
    return (readBlob: Ledger["blobs"]["get"]) => recordedSource(kept.task, readBlob);
  const drawn = await openTasks(config, say);
  return () => drawn;
}

/** Stores what the run starts from. A fork starts from the same checkpoint, and goes on. */
async function storeInitial(
  { base, policy, optimizer }: InitialPolicy,
  beginning: Beginning | undefined,
  ledger: Ledger,
) {
  if (beginning !== undefined) {
    for (const bytes of beginning.blobs) await ledger.blobs.put(bytes);
    return {
      base,
      policy: beginning.policy,
      optimizer: beginning.optimizer,
      parent: beginning.parent,
    };
  }
  return {
    base,
    policy: await ledger.blobs.put(policy),
    optimizer: await ledger.blobs.put(optimizer),
  };
}

/** A fault of something that works beside the head: its bus, its workers. */
class Fault {
  readonly raised: Promise<never>;
  readonly raise: (error: Error) => void;

  constructor() {
    let raise: (error: Error) => void = () => {};
    this.raised = new Promise((_, reject) => {
      raise = reject;
    });
    this.raised.catch(() => {});
    this.raise = raise;
  }
}
