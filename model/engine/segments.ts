// Runs a graph that is cut into stages: forward through all of them, then backward, computing the
// activations of each stage again. Only the states between stages are kept. The last stage, which
// holds the logits, runs over some of the scored tokens at a time.
import { Tensor } from "onnxruntime-node";
import { assert } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import type { SegmentedGraph, StagePlan, StateKind } from "../qwen/index.ts";
import { stateGradientName, stateName } from "../qwen/index.ts";
import type { Feeds, Results, Runner, SessionOptions } from "./session.ts";
import { floatResult, floats, integers, Session, truths } from "./session.ts";
import { addResult, joinBatches, scoredTokensMax, tokenBatches } from "./token-batches.ts";

const kinds: readonly StateKind[] = ["tower", "text"];

/** A learn role whose backward pass is cut into stages. Takes and gives what one session does. */
export class SegmentedRunner implements Runner {
  readonly inputs: ReadonlySet<string>;
  readonly #session: Session;
  readonly #stages: readonly StagePlan[];
  readonly #sizes: Readonly<Record<StateKind, number>>;
  readonly #tokensMax: number;

  private constructor(
    session: Session,
    stages: readonly StagePlan[],
    config: ModelConfig,
    tokensMax: number,
  ) {
    this.#session = session;
    this.#stages = stages;
    this.#sizes = { tower: config.vision.hiddenSize, text: config.text.hiddenSize };
    this.#tokensMax = tokensMax;
    this.inputs = session.inputs;
  }

  /**
   * Loads the graph; all stages share one session and its weights. At most `tokensMax` tokens (2 or
   * more) are scored in one run.
   */
  static async open(
    graph: SegmentedGraph,
    config: ModelConfig,
    options: SessionOptions,
    tokensMax: number = scoredTokensMax(config),
  ): Promise<SegmentedRunner> {
    const session = await Session.open(graph.outputs, options);
    return new SegmentedRunner(session, graph.stages, config, tokensMax);
  }

  async run(feeds: Feeds): Promise<Results> {
    const states: (Tensor | undefined)[] = [];
    const last = this.#stages.length - 1;
    const forward = new Map([...feeds, ["wantGradient", truths([false], [])]]);
    for (let stage = 0; stage < last; stage++) {
      const results = await this.#runStage(forward, stage, states[stage - 1]);
      states[stage] = this.#tensor(results, "state", this.#stages[stage]?.output);
    }
    const scored = await this.#score(feeds, last, states[last - 1]);
    const wanted = feeds.get("wantGradient")?.data[0] === 1;
    return wanted ? this.#backward(feeds, states, scored) : scored;
  }

  /** The last stage, over some tokens at a time. */
  async #score(feeds: Feeds, last: number, state: Tensor | undefined): Promise<Results> {
    const batches: Results[] = [];
    for (const batch of tokenBatches(feeds, this.#tokensMax))
      batches.push(await this.#runStage(batch, last, state));
    return joinBatches(batches);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #backward(
    feeds: Feeds,
    states: readonly (Tensor | undefined)[],
    scored: Results,
  ): Promise<Results> {
    const total: Record<string, { readonly data: unknown }> = { ...scored };
    let results = scored;
    for (let stage = this.#stages.length - 2; stage >= 0; stage--) {
      const kind = this.#stages[stage]?.output;
      // A stage without trainable parameters, before or in it, has no gradient to pass on.
      if (floatResult(results, "stateGradient").length === 0) break;
      const gradient = this.#tensor(results, "stateGradient", kind);
      results = await this.#runStage(feeds, stage, states[stage - 1], gradient);
      for (const name of Object.keys(results).filter(isGradient)) addResult(total, name, results);
    }
    return total;
  }

  async #runStage(
    feeds: Feeds,
    stage: number,
    state: Tensor | undefined,
    gradient?: Tensor,
  ): Promise<Results> {
    const plan = this.#stages[stage];
    const states = kinds.flatMap((kind) => {
      const nothing = floats(new Float32Array(0), [0, this.#sizes[kind]]);
      return [
        [stateName(kind), (plan?.input === kind ? state : undefined) ?? nothing],
        [stateGradientName(kind), (plan?.output === kind ? gradient : undefined) ?? nothing],
      ] as const;
    });
    return this.#session.run(new Map([...feeds, ...states, ["stage", integers([stage], [])]]));
  }

  #tensor(results: Results, name: string, kind: StateKind | undefined): Tensor {
    assert(kind !== undefined, `a stage without output has no ${name}`);
    const data = floatResult(results, name);
    return new Tensor("float32", data, [data.length / this.#sizes[kind], this.#sizes[kind]]);
  }
}

function isGradient(name: string): boolean {
  return name.startsWith("gradient ");
}
