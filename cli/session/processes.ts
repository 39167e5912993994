// What lives of a run: as its head tells it over the bus or, where no head answers, as the last
// events of its ledger leave it.
import { type HeadState, headActor, Messenger } from "../../actors/index.ts";
import type { EventData, EventEnvelope } from "../../events/index.ts";
import { type BusPlace, connectNats, readBusFile } from "../../runtime/index.ts";
import { busTokenVariable } from "../environment.ts";
import { runConfigOf, runDirectory, withRun } from "../run/index.ts";

/** How long a head is asked, twice; a live one answers in milliseconds where its host is idle. */
const askMsMax = 5_000;
/** Runs of one host share no bus, so that one name on it is enough for all of them. */
export const localCluster = "local";

export interface WorkerView {
  readonly id: string;
  readonly role: string;
  readonly pid: number | null;
  readonly host: string | null;
  readonly device: string | null;
  readonly state: "alive" | "gone";
  /** Of its registration, and of its last sign of life: ms since 1970. */
  readonly sinceMs: number | null;
  readonly lastSeenMs: number | null;
  /** Why it is gone, where that was recorded. */
  readonly cause: string | null;
}

export interface SandboxView {
  readonly level: string;
  readonly size: number;
  readonly busy: number;
  readonly idle: number;
  readonly opening: number;
  /** Of those that are being opened: after losses, they wait. */
  readonly backingOff: number;
  /** Calls that wait for a container. */
  readonly waiting: number;
  readonly opened: number | null;
  readonly lost: number;
  /** null: its head did not come to tell. */
  readonly executions: number | null;
}

export interface RunProcesses {
  readonly run: string;
  /** `head`: it answered. `ledger`: none lives, and this is what was recorded last. */
  readonly source: "head" | "ledger";
  readonly head: { readonly pid: number; readonly host: string; readonly sinceMs: number } | null;
  readonly workers: readonly WorkerView[];
  readonly sandbox: SandboxView | null;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** What the head of a run says; null where none answers. `clockMs` is the present time. */
export async function askHead(
  runs: string,
  run: string,
  env: Variables,
  clockMs: number,
): Promise<RunProcesses | null> {
  const place = await busOf(runs, run, env);
  if (place === null) return null;
  const bus = await connectNats({ ...place, name: "varft ps" }).catch(() => null);
  if (bus === null) return null;
  try {
    const messenger = new Messenger(bus, { cluster: localCluster, run });
    const options = { timeoutMs: askMsMax, attemptsMax: 2 };
    const state = await messenger.ask(headActor, "state", {}, options).catch(() => null);
    return state === null ? null : viewOf(run, state, clockMs);
  } finally {
    await bus.close();
  }
}

async function busOf(runs: string, run: string, env: Variables): Promise<BusPlace | null> {
  const own = await readBusFile(await runDirectory(runs, run)).catch(() => null);
  if (own !== null) return own;
  const { url } = (await runConfigOf(runs, run)).bus;
  return url === undefined ? null : { url, token: env[busTokenVariable] ?? "" };
}

/** A head's answer, its spans as times. */
export function viewOf(run: string, state: HeadState, clockMs: number): RunProcesses {
  const { pid, host, aliveMs, sandbox } = state;
  const at = (spanMs: number) => Math.round(clockMs - spanMs);
  const workers = state.workers.map(({ registeredMs, silentMs, ...worker }) => ({
    ...worker,
    sinceMs: at(registeredMs),
    lastSeenMs: at(silentMs),
    cause: null,
  }));
  return {
    run,
    source: "head",
    head: { pid, host, sinceMs: at(aliveMs) },
    workers,
    sandbox: sandbox === null ? null : sandboxOf(sandbox),
  };
}

function sandboxOf({ alive, ...sandbox }: NonNullable<HeadState["sandbox"]>): SandboxView {
  return { ...sandbox, busy: alive - sandbox.idle };
}

/** The same from the ledger: nobody of it lives. */
export async function recordedProcesses(runs: string, run: string): Promise<RunProcesses> {
  return withRun(runs, run, async (reader, name) => {
    const events: EventEnvelope[] = [];
    for (const stream of await reader.listStreams("actor/")) {
      events.push(...(await reader.readStream(stream)));
    }
    const sandbox = recordedSandbox(events.filter(({ stream }) => stream === "actor/sandbox"));
    return { run: name, source: "ledger", head: null, workers: recordedWorkers(events), sandbox };
  });
}

/** What the events of `actor/…` say of workers, each as it was registered last. */
export function recordedWorkers(events: readonly EventEnvelope[]): readonly WorkerView[] {
  const workers = new Map<string, WorkerView>();
  for (const { type, stream, time, data } of events) {
    const id = stream.slice("actor/".length);
    if (type === "actor.registered") {
      const { role, numericClass, observed = {} } = data as EventData<"actor.registered">;
      const [pid, host] = [observed["pid"], observed["host"]];
      workers.set(id, {
        id,
        role,
        pid: typeof pid === "number" ? pid : null,
        host: typeof host === "string" ? host : null,
        device: numericClass.device,
        state: "gone",
        sinceMs: time,
        lastSeenMs: null,
        cause: null,
      });
    }
    const known = workers.get(id);
    if (type === "actor.ended" && known !== undefined) {
      const { cause } = data as EventData<"actor.ended">;
      workers.set(id, { ...known, lastSeenMs: time, cause });
    }
  }
  return [...workers.values()];
}

/** What the last head said of its sandbox; null where it had none. */
export function recordedSandbox(events: readonly EventEnvelope[]): SandboxView | null {
  let view: SandboxView | null = null;
  for (const { type, data } of events) {
    if (type === "sandbox.opened") {
      const { level, size } = data as EventData<"sandbox.opened">;
      const none = { busy: 0, idle: 0, opening: 0, backingOff: 0, waiting: 0, lost: 0 };
      view = { level, size, ...none, opened: null, executions: null };
    }
    if (view === null) continue;
    if (type === "container.lost") view = { ...view, lost: view.lost + 1 };
    if (type === "sandbox.drained") {
      const { opened, lost, executions } = data as EventData<"sandbox.drained">;
      view = { ...view, opened, lost, executions };
    }
  }
  return view;
}
