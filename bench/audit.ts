// How fast an audit reads, beside the limit measured in the same run: SHA-256 over the same rows.
// The ledger is made here: trajectories as a run has them, under leases, each with its policy, its
// turns and a tool's answer.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  effectCommandId,
  event,
  groupLease,
  type HashName,
  type NewEvent,
  sha256Hex,
  streams,
  type Task,
} from "../events/index.ts";
import { type AuditOptions, auditRun } from "../replay/index.ts";
import { Chain, type Evidence, type Ledger, openEvidence, openLedger } from "../storage/index.ts";
import { hashLoop } from "./shared/hash-loop.ts";
import { type BenchRows, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 30;

const run = "bench";
/** So many that a second thread pays, as in a run of some hundred steps. */
const groups = 1_600;
const samples = 8;
const sampling = { temperature: 1, greedy: false, tools: true };
const rounds = 3;
const noTrust = { trustedKey: null, trustedNotes: null };

interface Names {
  readonly policy: HashName;
  readonly image: HashName;
}

async function append(
  ledger: Ledger,
  by: string,
  parts: readonly { stream: string; events: readonly NewEvent[]; command?: string }[],
  epoch = 0,
): Promise<readonly { readonly id: string }[]> {
  const command = sha256Hex(parts.map(({ stream, command = "" }) => stream + command).join("\n"));
  const full = parts.map((part) => ({ ...part, expected: null, epoch }));
  return ledger.append({ command, by, trace: null, blobs: [], parts: full });
}

/** One step as it is before its rewards: the events that a run has by the thousand. */
async function write(ledger: Ledger): Promise<void> {
  const policy = await ledger.blobs.put(new Uint8Array(1_000).fill(1));
  const image = await ledger.blobs.put(new Uint8Array(1_000).fill(2));
  const numericClass = { code: "c", onnxruntime: "o", device: "cpu", sandbox: "s" };
  const config = { determinism: "strict" };
  const started = { run, seed: 1, config, numericClass, base: image, policy, optimizer: policy };
  const begun = { stream: streams.run(run), events: [event("run.started", started)] };
  await append(ledger, "run", [{ ...begun, command: "start" }]);
  const tasks = Array.from({ length: groups }, (_, index) => taskOf(index, image));
  const planned = event("step.planned", { step: 1, policy, samples, sampling, tasks });
  await append(ledger, "run", [{ stream: streams.run(run), events: [planned], command: "plan" }]);
  const registered = event("actor.registered", { role: "rollout", numericClass });
  await append(ledger, "head", [{ stream: streams.actor("r"), events: [registered] }]);
  await Promise.all(tasks.map(({ id }, group) => playGroup(ledger, { policy, image }, group, id)));
}

function taskOf(index: number, image: HashName): Task {
  const texts = { kind: "dark", question: "?", answers: ["K 7"] };
  return { id: `t${index}`, task: "coding", ...texts, image, reference: null };
}

async function playGroup(ledger: Ledger, names: Names, group: number, task: string) {
  const { epoch } = await ledger.acquireLease(groupLease(run, 1, group), "r/here/1");
  const own = Array.from({ length: samples }, (_, sample) =>
    streams.trajectory(run, 1, group, sample),
  );
  const { policy, image } = names;
  const ids = Int32Array.from({ length: 24 }, (_, index) => index * 131);
  const begin = { policy, task, sampling, ids, images: [image] };
  let causes = new Map(own.map((stream) => [stream, ""]));
  const tell = async (name: string, ...events: readonly NewEvent[]) => {
    const parts = own.map((stream) => {
      const cause = causes.get(stream) || null;
      const command = cause === null ? sha256Hex(name, stream) : effectCommandId(cause, name);
      return { stream, command, events: events.map((one) => ({ ...one, cause })) };
    });
    const stored = await append(ledger, "rollout", parts, epoch);
    const last = (index: number) => stored[(index + 1) * events.length - 1]?.id ?? "";
    causes = new Map(own.map((stream, index) => [stream, last(index)]));
  };
  await tell("play", event("trajectory.started", begin));
  for (let turn = 0; turn < 3; turn++) {
    const call = { turn, tool: "python" as const, input: "import cv2", image };
    const back = { turn, tool: "python" as const, cause: "ok", text: "", image };
    const prompt = { turn: turn + 1, ids, images: [image] };
    await tell("sampleTurn", sampled(turn, policy, ids), event("tool.called", call));
    await tell("callTool", event("tool.returned", back), event("turn.prompted", prompt));
  }
  const end = { cause: "answered" as const, answer: "K 7", turns: 4, calls: 3 };
  await tell("sampleTurn", sampled(3, policy, ids), event("trajectory.ended", end));
}

function sampled(turn: number, policy: HashName, ids: Int32Array): NewEvent {
  const logProbs = Float32Array.from(ids, () => -0.5);
  return event("turn.sampled", { turn, policy, ids, logProbs, entropy: 0.5, finish: "stop" });
}

function readRows(evidence: Evidence): Uint8Array[] {
  const rows: Uint8Array[] = [];
  while (rows.length < evidence.head().size) {
    for (const { bytes } of evidence.rows(rows.length + 1)) rows.push(Uint8Array.from(bytes));
  }
  return rows;
}

/** Events per second of `action`, the best of three: others use this machine too. */
function rateOf(events: number, action: () => void): number {
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    action();
    best = Math.max(best, (events * 1_000) / (performance.now() - start));
  }
  return best;
}

function walkChain(evidence: Evidence, events: number): void {
  const chain = new Chain();
  for (let next = 1; next <= events; ) {
    for (const { global, bytes } of evidence.rows(next)) {
      chain.add(bytes);
      next = global + 1;
    }
  }
}

/** Events per second of `varft audit`, the best of three. */
async function auditRate(
  directory: string,
  options: Pick<AuditOptions, "twoThreadsEventsMin">,
): Promise<number> {
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    const { firstBad, eventsPerSecond } = await auditRun(directory, { ...noTrust, ...options });
    if (firstBad !== null) throw new Error(`the benchmark's ledger: ${firstBad.reason}`);
    best = Math.max(best, eventsPerSecond);
  }
  return best;
}

/** Measures an audit in a temporary directory. */
export async function rows(): Promise<BenchRows> {
  const directory = await mkdtemp(join(tmpdir(), "varft-bench-audit-"));
  try {
    const ledger = await openLedger(directory, { clock: Date.now });
    await write(ledger);
    await ledger.close();
    const evidence = await openEvidence(directory);
    const stored = readRows(evidence);
    const events = stored.length;
    const hashed = Math.max(hashLoop(stored), hashLoop(stored), hashLoop(stored));
    const chain = rateOf(events, () => walkChain(evidence, events));
    await evidence.close();
    const whole = await auditRate(directory, {});
    const alone = await auditRate(directory, { twoThreadsEventsMin: events + 1 });
    const against = "a loop of SHA-256 over the same rows";
    const reach = { of: "ratio", min: 0.8 } as const;
    const asked = { of: "value", min: 100_000 } as const;
    return {
      "audit.chain": row(chain, "events/s", { reference: hashed, against, reach }),
      "audit.everything": row(whole, "events/s", { reference: hashed, against, reach: asked }),
      "audit.oneThread": row(alone, "events/s", { reference: hashed, against }),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
