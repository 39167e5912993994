// Plays trajectories: takes orders, hosts one machine per trajectory, keeps one policy loaded.
//
// 1. An order is idempotent: what has been recorded is folded, not played again, and a group that
//    is being played is left alone.
// 2. An order for another step ends what is still under way from an earlier one: its groups have
//    gone to somebody else, and no turn of theirs may be sampled with the new policy. An order for
//    a step that was left is a repetition that came late: to take it would leave the groups of now.
// 3. At most `rowsActiveMax` trajectories are under way; further groups wait for their place.
import type { SnapshotFrom } from "xstate";
import {
  assert,
  ensureError,
  type HashName,
  RetryableError,
  type StepName,
  sha256Hex,
  streams,
  type Task,
} from "../../events/index.ts";
import {
  ActorHost,
  defineActor,
  type HostFault,
  type HostLedger,
  isOutOfReach,
} from "../../runtime/index.ts";
import { EvidenceError } from "../errors.ts";
import type { PlayOrder } from "../protocol.ts";
import { decideRollout, type RolloutCommand, type TrajectoryLimits } from "./decide.ts";
import { type RolloutParts, rolloutEffects } from "./effects.ts";
import type { Kept } from "./kept.ts";
import { trajectoryMachine } from "./machine.ts";
import type { EncodedText, Encoder, Environment, PolicySampler } from "./ports.ts";
import { TurnBatcher } from "./turn-batcher.ts";

/** Trajectories under way at once. */
export const rowsActiveMax = 512;

/** Wait before a group is opened again when the ledger is out of reach, in milliseconds. */
const openAgainMs = 500;

export interface RolloutOptions {
  readonly run: string;
  readonly seed: number;
  /** The id of this worker: it holds the leases. */
  readonly worker: string;
  readonly limits: TrajectoryLimits;
  /** What the run's trajectories continue; null where they are new. */
  readonly kept: Kept | null;
  readonly lingerMs: number;
  readonly ledger: HostLedger;
  readonly readBlob: (name: HashName) => Promise<Uint8Array | null>;
  readonly environment: Environment;
  readonly encoder: Encoder;
  readonly sampler: PolicySampler;
  readonly callTool: RolloutParts["callTool"];
  /** Milliseconds on a clock that does not jump. */
  readonly now: () => number;
  /** Something failed that trying again does not mend. */
  readonly onFault: (error: Error) => void;
}

interface Group {
  readonly order: PlayOrder;
  readonly streams: readonly string[];
  readonly task: Task;
  readonly open: Set<string>;
}

export class Rollout {
  readonly #options: RolloutOptions;
  readonly #batcher: TurnBatcher;
  readonly #host: ActorHost<typeof trajectoryMachine, RolloutCommand>;
  readonly #groups = new Map<number, Group>();
  readonly #waiting: (() => void)[] = [];
  #step: StepName | null = null;
  /** Steps that were left for later ones: the plan does not come back to them. */
  readonly #past = new Set<StepName>();
  #rows = 0;
  #held: HashName | null = null;
  #closed = false;
  // Orders are taken one after the other: the second may need another policy.
  #order: Promise<void> = Promise.resolve();

  constructor(options: RolloutOptions) {
    this.#options = options;
    const { seed, limits, kept, environment, encoder, sampler, lingerMs, callTool } = options;
    this.#batcher = new TurnBatcher({ sampler, lingerMs });
    const actor = defineActor({
      type: "rollout",
      machine: trajectoryMachine,
      decide: decideRollout({ limits, parseAction: environment.parseAction, kept }),
      effects: rolloutEffects({
        seed,
        limits,
        kept,
        environment,
        encoder,
        callTool,
        worker: options.worker,
        now: options.now,
        batcher: this.#batcher,
        heldPolicy: () => this.#policy(),
        taskOf: (stream) => this.#groupOf(stream).task,
        onEnded: (stream) => this.#end(stream),
      }),
    });
    this.#host = new ActorHost({
      actor,
      ledger: options.ledger,
      holder: options.worker,
      onFault: (fault) => this.#fault(fault),
    });
  }

  /** Begins to play the groups of `order`; the ledger tells when they have ended. */
  play(order: PlayOrder): Promise<void> {
    const taken = this.#order.then(() => this.#take(order));
    this.#order = taken.catch(() => {});
    return taken;
  }

  /** Stops what is under way; what was recorded stays. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const resume of this.#waiting.splice(0)) resume();
    await this.#host.close();
  }

  async #take(order: PlayOrder): Promise<void> {
    if (this.#past.has(order.step)) return;
    if (this.#step !== order.step) this.#leaveAll();
    this.#step = order.step;
    if (this.#held !== order.policy) this.#held = await this.#load(order.policy);
    for (const { group, task } of order.groups) {
      if (this.#groups.has(group)) continue;
      const names = Array.from({ length: order.samples }, (_, sample) =>
        streams.trajectory(this.#options.run, order.step, group, sample),
      );
      this.#groups.set(group, { order, streams: names, task, open: new Set(names) });
      this.#batcher.expect(names.length);
      void this.#place(names.length).then(() => this.#open(group));
    }
  }

  async #load(policy: HashName): Promise<HashName> {
    const bytes = await this.#options.readBlob(policy);
    if (bytes === null) throw new EvidenceError(`the policy ${policy} is not stored`);
    return this.#options.sampler.load(policy, bytes);
  }

  async #open(number: number): Promise<void> {
    const group = this.#groups.get(number);
    // A group that was left meanwhile is somebody else's: to touch its streams would take it back.
    const isOurs = () => !this.#closed && this.#groups.get(number) === group;
    while (group !== undefined && isOurs()) {
      try {
        return await this.#begin(group, isOurs);
      } catch (thrown) {
        if (!isOurs()) return;
        // The head is away: it comes back, or somebody else takes the group.
        if (!(thrown instanceof RetryableError)) return this.#report(number, ensureError(thrown));
        await new Promise((resolve) => setTimeout(resolve, openAgainMs));
      }
    }
  }

  async #begin(opened: Group, isOurs: () => boolean): Promise<void> {
    const { order, task } = opened;
    await this.#host.start(opened.streams);
    const states: SnapshotFrom<typeof trajectoryMachine>[] = [];
    for (const stream of opened.streams) {
      if (!isOurs()) return;
      states.push(await this.#host.state(stream));
    }
    const fresh = opened.streams.filter((_, index) => states[index]?.matches("empty"));
    if (fresh.length > 0) {
      const prompt = await this.#prompt(task, order);
      if (!isOurs()) return;
      const commands = fresh.map((stream) => ({
        stream,
        command: playCommand(stream, order, task, prompt),
      }));
      for (const outcome of await this.#host.tellAll(commands)) {
        if (outcome.status === "rejected") throw new EvidenceError(outcome.reason);
      }
    }
    for (const [index, stream] of opened.streams.entries()) {
      if (states[index]?.matches("ended")) this.#end(stream);
    }
  }

  #prompt(task: Task, { sampling }: PlayOrder): Promise<EncodedText> {
    const { encoder, environment } = this.#options;
    return encoder.prompt(environment.prompt(task, sampling.mode));
  }

  async #place(rows: number): Promise<void> {
    while (this.#rows > 0 && this.#rows + rows > rowsActiveMax && !this.#closed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#rows += rows;
  }

  #end(stream: string): void {
    for (const [number, group] of this.#groups) {
      if (!group.open.delete(stream)) continue;
      this.#batcher.expect(-1);
      if (group.open.size === 0) this.#leave(number, group);
      return;
    }
  }

  /** Gives up a group: it has ended, or it is somebody else's now. */
  #leave(number: number, group: Group): void {
    this.#groups.delete(number);
    this.#host.forget(group.streams);
    this.#batcher.expect(-group.open.size);
    this.#rows -= group.streams.length;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #leaveAll(): void {
    if (this.#step !== null) this.#past.add(this.#step);
    for (const [number, group] of [...this.#groups]) this.#leave(number, group);
  }

  #policy(): HashName {
    assert(this.#held !== null, "a policy is loaded before a turn is sampled");
    return this.#held;
  }

  #groupOf(stream: string): Group {
    for (const group of this.#groups.values()) if (group.streams.includes(stream)) return group;
    throw new EvidenceError(`${stream} is not being played here`);
  }

  #fault({ kind, stream, error }: HostFault): void {
    for (const [number, group] of this.#groups) {
      if (!group.streams.includes(stream)) continue;
      // Somebody else plays the group now: nothing has failed.
      if (kind === "lease-lost") this.#leave(number, group);
      else if (isOutOfReach(error)) this.#openAgain(number, group);
      else this.#report(number, error);
    }
  }

  /** Folds a group anew that was given up because the head was away for long. */
  #openAgain(number: number, group: Group): void {
    this.#host.forget(group.streams);
    setTimeout(() => void this.#open(number), openAgainMs);
  }

  #report(number: number, error: Error): void {
    const group = this.#groups.get(number);
    if (group === undefined || this.#closed) return;
    this.#leave(number, group);
    this.#options.onFault(error);
  }
}

/** The command that begins a trajectory. */
export function playCommand(
  stream: string,
  { policy, sampling }: Pick<PlayOrder, "policy" | "sampling">,
  task: Task,
  prompt: EncodedText,
): RolloutCommand {
  const query = sampling.mode === "rag" ? { query: task.question } : {};
  const id = sha256Hex("play", stream);
  return { id, type: "play", policy, task: task.id, sampling, prompt, ...query };
}
