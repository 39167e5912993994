// What a call costs: a bare request over NATS, ours with its codec and ids, and an actor call that
// is answered when its event is on disk. The server is a process of its own, as in a run.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { connect } from "@nats-io/transport-node";
import { assign, setup } from "xstate";
import type { EventEnvelope } from "../events/index.ts";
import {
  type ActorCommand,
  ActorHost,
  type Bus,
  connectNats,
  defineActor,
  holdLeash,
  readBusFile,
  serveActor,
  spawnWorker,
  startNatsServer,
  tellActor,
} from "../runtime/index.ts";
import { openLedger } from "../storage/index.ts";
import { type RayCalls, rayCalls } from "./shared/ray.ts";
import { type BenchOptions, type BenchRows, quantile, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 6;
const payloadBytes = 256;
const echoSubject = "varft.bench.bench.echo.ask";
const bareSubject = "bare";
const counterAddress = { cluster: "bench", run: "bench", actor: "counter" };
const callersManyToMany = 16;
const warmupMs = 300;

interface Timing {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

type Counted = { type: "counter.counted"; data: Uint8Array; envelope: EventEnvelope };

const counter = defineActor<ReturnType<typeof counterMachine>, ActorCommand & { data: Uint8Array }>(
  {
    type: "counter",
    machine: counterMachine(),
    decide: ({ data }) => ({ events: [{ type: "counter.counted", v: 1, data }] }),
    effects: {},
  },
);

function counterMachine() {
  return setup({
    types: { context: {} as { count: number }, events: {} as Counted },
    actions: { count: assign({ count: ({ context }) => context.count + 1 }) },
  }).createMachine({ context: { count: 0 }, on: { "counter.counted": { actions: "count" } } });
}

/** The served half: runs in the child until the leash closes. */
async function serve(directory: string): Promise<void> {
  const { signal } = holdLeash(process.env);
  const place = await readBusFile(directory);
  if (place === null) throw new Error(`no bus in ${directory}`);
  const bus = await connectNats(place);
  const bare = await connect({ servers: place.url, token: place.token, noAsyncTraces: true });
  const ledger = await openLedger(join(directory, "run"), {
    clock: Date.now,
    readEvent: (event) => event,
  });
  const onFault = (fault: unknown): void => console.error(fault);
  const host = new ActorHost({ actor: counter, ledger, holder: "bench", onFault });
  serveActor(
    bus,
    counterAddress,
    host,
    (command) => command as ActorCommand & { data: Uint8Array },
  );
  bus.serve(echoSubject, async (payload) => payload);
  bare.subscribe(bareSubject, {
    callback: (_error, message) => void message.respond(message.data),
  });
  await Promise.all([bus.flush(), bare.flush()]);
  console.log("ready");
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  await host.close();
  await Promise.all([bus.close(), bare.close()]);
  await ledger.close();
}

/** Calls one after the other, by `callers` at once, for `ms` milliseconds after a warm-up. */
async function time(
  call: (caller: number, index: number) => Promise<unknown>,
  ms: number,
  callers = 1,
): Promise<Timing> {
  const times: number[] = [];
  const begin = performance.now() + warmupMs;
  const end = begin + ms;
  const caller = async (number: number): Promise<void> => {
    for (let index = 0; ; index++) {
      const start = performance.now();
      if (start > end) return;
      await call(number, index);
      if (start >= begin) times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
  times.sort((a, b) => a - b);
  const perSecond = (times.length / ms) * 1_000;
  return { perSecond, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

interface Timings {
  readonly bare: Timing;
  readonly ours: Timing;
  readonly one: Timing;
  readonly many: Timing;
}

async function measure(
  bus: Bus,
  place: { url: string; token: string },
  ms: number,
): Promise<Timings> {
  const payload = new Uint8Array(payloadBytes);
  const client = await connect({ servers: place.url, token: place.token, noAsyncTraces: true });
  const bare = await time(() => client.request(bareSubject, payload), ms);
  await client.close();
  const ours = await time(() => bus.request(echoSubject, payload), ms);
  const tell = (prefix: string) => (caller: number, index: number) => {
    const command = { id: `${prefix}-${caller}-${index}`, type: "count", data: payload };
    return tellActor(bus, counterAddress, `bench/${prefix}-${caller}`, command);
  };
  const one = await time(tell("one"), ms);
  const many = await time(tell("many"), ms, callersManyToMany);
  return { bare, ours, one, many };
}

/** Measures each of the four for `size` milliseconds. */
export async function rows({ size: ms = 1_000 }: BenchOptions = {}): Promise<BenchRows> {
  const directory = await mkdtemp(join(tmpdir(), "varft-bench-"));
  const server = await startNatsServer({ directory });
  let ready = (): void => {};
  const started = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const child = await spawnWorker({
    role: "bench",
    command: process.execPath,
    args: ["--import", "tsx", fileURLToPath(import.meta.url), "serve", directory],
    env: process.env,
    onLine: (line) => (line === "ready" ? ready() : console.error(line)),
  });
  try {
    await Promise.race([started, child.died]);
    const bus = await connectNats(server);
    const timings = await measure(bus, server, ms);
    await bus.close();
    return rowsOf(timings, await rayCalls());
  } finally {
    await child.stop();
    await server.stop();
    await rm(directory, { recursive: true });
  }
}

function rowsOf({ bare, ours, one, many }: Timings, ray: RayCalls): BenchRows {
  const against = "a bare nats.js request";
  const peer = {
    against: `Ray ${ray.version}, nothing stored`,
    reach: { of: "ratio", min: 1 },
  } as const;
  return {
    "bus.request.p50": row(ours.p50Ms, "ms", { reference: bare.p50Ms, against }),
    "bus.request.p99": row(ours.p99Ms, "ms", { reference: bare.p99Ms, against }),
    "bus.request.rate": row(ours.perSecond, "1/s", { reference: bare.perSecond, against }),
    "bus.actorCall.p50": row(one.p50Ms, "ms", { reference: bare.p50Ms, against }),
    "bus.actorCall.p99": row(one.p99Ms, "ms"),
    "bus.actorCall.1:1": row(one.perSecond, "1/s", {
      reference: ray.oneToOne,
      ...peer,
    }),
    "bus.actorCall.16:16": row(many.perSecond, "1/s", {
      reference: ray.manyToMany,
      ...peer,
    }),
  };
}

// The served half is this file, started anew.
const [, file = "", verb, directory = ""] = process.argv;
if (import.meta.url === pathToFileURL(file).href && verb === "serve") await serve(directory);
