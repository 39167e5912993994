// A whole run of two steps in a ledger on the disk: every event type that the commands read.
import { join } from "node:path";
import { loadRunConfig } from "../../config/index.ts";
import {
  type EventData,
  event,
  type HashName,
  hashName,
  type NewEvent,
  type Sampling,
  streams,
  type Task,
} from "../../events/index.ts";
import { type Ledger, openLedger } from "../../storage/index.ts";

export const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABc3UBGAAAAABJRU5ErkJggg==",
  "base64",
);
export const image = hashName(png);
const policies = [0, 1, 2].map((n) => hashName(Buffer.from(`policy ${n}`)));
const policyOf = (n: number): HashName => policies[n] ?? hashName(Buffer.from("none"));
const sampled: Sampling = { temperature: 1, greedy: false, tools: true };

const taskOf = (id: string, kind: string): Task => ({
  id,
  task: kind === "search" ? "search" : "coding",
  kind,
  question: "Read the two letters.",
  answers: ["K 7"],
  image,
  reference: kind === "dark" ? image : null,
});

const tasks = [taskOf("a", "dark"), taskOf("b", "none"), taskOf("c", "search")];

class Writer {
  readonly #ledger: Ledger;
  #command = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async append(stream: string, ...events: readonly NewEvent[]): Promise<void> {
    this.#command += 1;
    const command = `command-${this.#command}`;
    const parts = [{ stream, expected: null, epoch: 0, events }];
    await this.#ledger.append({ command, by: "test", trace: null, blobs: [image], parts });
  }
}

/** Writes the run `run` below `runs`. `completed` false leaves it after the first step. */
export async function writeSmallRun(runs: string, run: string, completed = true): Promise<void> {
  let time = 1_700_000_000_000;
  const ledger = await openLedger(join(runs, run), {
    clock: () => {
      time += 500;
      return time;
    },
  });
  await ledger.blobs.put(png);
  const writer = new Writer(ledger);
  await writeStart(writer, run);
  await writeEvaluation(writer, run, 0, 0, [0, 1, 0]);
  await writeStep(writer, run, 1, [0, 1, 0]);
  if (completed) {
    await writeStep(writer, run, 2, [1, 1, 0]);
    await writeEvaluation(writer, run, 1, 2, [1, 1, 1]);
    const end = event("run.completed", { steps: 2, policy: policyOf(2) });
    await writer.append(streams.run(run), end);
  }
  await ledger.close();
}

async function writeStart(writer: Writer, run: string): Promise<void> {
  const config = await loadRunConfig("config/quickstart.toml", ["run.steps=2"]);
  const numericClass = { code: "c", onnxruntime: "o", device: "d", sandbox: "s" };
  const policy = policyOf(0);
  const data = { run, seed: 1, config, numericClass, base: image, policy, optimizer: image };
  await writer.append(streams.run(run), event("run.started", data));
}

async function writeEvaluation(
  writer: Writer,
  run: string,
  evaluation: number,
  policy: number,
  right: readonly number[],
): Promise<void> {
  const facts = { evaluation, name: "singles", policy: policyOf(policy) };
  const planned = { ...facts, sampling: sampled, tasks: tasks.length, samples: 1 };
  await writer.append(streams.run(run), event("evaluation.planned", planned));
  const stream = streams.evaluation(run, evaluation);
  const opened = { ...facts, sampling: sampled, tasks, samples: 1 };
  await writer.append(stream, event("evaluation.started", opened));
  const rewards = right.map((em, group) => reward(run, `e${evaluation}`, group, em));
  await writer.append(streams.judge(run), ...rewards);
  const em = (100 * right.reduce((sum, one) => sum + one, 0)) / right.length;
  const counts = { n: right.length, em, f1: em, format: 100, repaired: 50, needlessCalls: 0 };
  const summary = { ...counts, kinds: {} };
  await writer.append(stream, event("evaluation.completed", { ...facts, summary }));
}

async function writeStep(
  writer: Writer,
  run: string,
  step: number,
  right: readonly number[],
): Promise<void> {
  const policy = policyOf(step - 1);
  const planned = { step, policy, samples: 1, sampling: sampled, tasks };
  await writer.append(streams.run(run), event("step.planned", planned));
  const names = right.map((_, group) => streams.trajectory(run, step, group, 0));
  for (const name of names) await writer.append(name, ...trajectory(policy));
  const rewards = right.map((em, group) => reward(run, step, group, em));
  await writer.append(streams.judge(run), ...rewards);
  const minibatches = [Int32Array.of(0, 1, 2)];
  const numbers = { rewards: Float32Array.of(1, 1, 1), advantages: Float32Array.of(1, 0, -1) };
  const batch = { step, policy, optimizer: image, trajectories: names, ...numbers };
  const assembled = event("batch.assembled", { ...batch, droppedGroups: [], minibatches });
  const update = {
    step,
    policyBefore: policy,
    policyAfter: policyOf(step),
    optimizerBefore: image,
    optimizerAfter: image,
    optimizerStored: false,
  };
  await writer.append(
    streams.learner(run),
    assembled,
    event("gradient.computed", gradient(step)),
    event("policy.updated", update),
  );
}

function gradient(step: number): EventData<"gradient.computed"> {
  const loss = { loss: 0.5, policyLoss: 0.5, kl: 0, klOld: 0.25, entropy: 0.25 };
  const ratios = { ratioMean: 1, ratioMax: 1.5 };
  const rest = { clipFraction: 0, mismatchMax: 1e-6, mismatchMean: 1e-7, gradientNorm: 2 };
  const facts = { step, minibatch: 0, tokens: 12, learningRate: 1e-4, gradient: image };
  return { ...facts, ...loss, ...ratios, ...rest, stored: false };
}

function reward(run: string, step: number | `e${number}`, group: number, em: number): NewEvent {
  return event("reward.assigned", {
    trajectory: streams.trajectory(run, step, group, 0),
    components: [
      { name: "f1", function: "f1@1", value: em, weight: 0.8 },
      { name: "format", function: "format@1", value: 1, weight: 0.2 },
      { name: "calls", function: "calls@1", value: 1, weight: -0.05 },
    ],
    reward: 0.8 * em + 0.15,
    em,
    f1: em,
    pixelError: 1.5,
  });
}

function trajectory(policy: HashName): readonly NewEvent[] {
  const ids = Int32Array.of(1, 2);
  const logProbs = Float32Array.of(-0.5, -1.5);
  const turn = { policy, ids, logProbs, entropy: 0.5, finish: "stop" as const };
  const started = { policy, task: "a", sampling: sampled, ids, images: [image] };
  const call = { turn: 0, tool: "python" as const, input: "import cv2\nprint(1)", image };
  const answer = { turn: 0, tool: "python" as const, cause: "ok", text: "", image };
  const end = { cause: "answered" as const, answer: "K 7", turns: 2, calls: 1 };
  return [
    event("trajectory.started", started),
    event("turn.sampled", { ...turn, turn: 0 }),
    event("tool.called", call),
    event("tool.returned", { ...answer, observed: { wallMs: 3.25 } }),
    event("turn.prompted", { turn: 1, ids, images: [image] }),
    event("turn.sampled", { ...turn, turn: 1 }),
    event("trajectory.ended", end),
  ];
}
