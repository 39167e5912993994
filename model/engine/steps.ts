// Runs the graph of a turn's steps as the loop would: takes and gives what the generate graph does.
//   S1. Caches go from one run into the next as they are: as `gpu-buffer` they stay on the device.
//   S2. What every step reads (parameters, tables, uniform numbers) is brought there once per call.
import { Tensor } from "onnxruntime-node";
import { assert } from "../../events/index.ts";
import type { ModelConfig } from "../config.ts";
import { Graph } from "../graph/index.ts";
import { afterName, type StepGraph, turnStateName } from "../qwen/index.ts";
import type { Feeds, Results, Runner, SessionOptions } from "./session.ts";
import { integers, Session, truths } from "./session.ts";
import { emptyTurnState } from "./turn-state.ts";

/** Where caches and what every step reads are kept between two steps. */
export type CacheLocation = "cpu" | "gpu-buffer";

/** One token per row. */
export interface Step {
  readonly tokens: BigInt64Array;
  readonly logProbs: Float32Array;
  readonly entropies: Float32Array;
}

/** Large inputs that only the reading of contexts looks at: other steps are fed one row of them. */
const contextInputs = ["cosine", "sine", "imageRows"];

const last = turnStateName(0);
const ended = turnStateName(1);

/** A generate role whose turn is a run per token. */
export class StepRunner implements Runner {
  readonly inputs: ReadonlySet<string>;
  readonly #session: Session;
  readonly #upload: Session | undefined;
  readonly #caches: readonly string[];
  readonly #config: ModelConfig;

  private constructor(
    session: Session,
    upload: Session | undefined,
    caches: readonly string[],
    config: ModelConfig,
  ) {
    this.#session = session;
    this.#upload = upload;
    this.#caches = caches;
    this.#config = config;
    this.inputs = session.inputs;
  }

  /** Loads the graph. */
  static async open(
    graph: StepGraph,
    config: ModelConfig,
    location: CacheLocation,
    options: SessionOptions,
  ): Promise<StepRunner> {
    if (location === "cpu") {
      const session = await Session.open(graph.outputs, options);
      return new StepRunner(session, undefined, graph.cacheNames, config);
    }
    const kept = graph.cacheNames.map(afterName);
    const session = await Session.open(graph.outputs, { ...options, keptOnDevice: kept });
    const upload = await openUpload(graph, session.inputs, options);
    return new StepRunner(session, upload, graph.cacheNames, config);
  }

  /** All steps of a call, under the names of the generate graph's outputs. */
  async run(feeds: Feeds): Promise<Results> {
    const steps: Step[] = [];
    for await (const step of this.steps(feeds)) steps.push(step);
    const [first, ...rest] = steps;
    assert(first !== undefined, "a turn has a first token");
    return {
      firstTokens: { data: first.tokens },
      firstLogProbs: { data: first.logProbs },
      firstEntropies: { data: first.entropies },
      tokens: { data: BigInt64Array.from(rest.flatMap(({ tokens }) => [...tokens])) },
      logProbs: { data: Float32Array.from(rest.flatMap(({ logProbs }) => [...logProbs])) },
      entropies: { data: Float32Array.from(rest.flatMap(({ entropies }) => [...entropies])) },
    };
  }

  /** Step after step until every row has ended, or as many more as the feed `rounds` allows. */
  async *steps(feeds: Feeds): AsyncGenerator<Step> {
    const rounds = Number(feeds.get("rounds")?.data[0] ?? 0);
    const rows = feeds.get("rowLength")?.dims[0] ?? 0;
    const uploaded = await this.#uploaded(feeds);
    let state = new Map(emptyTurnState(this.#config, rows));
    try {
      for (let count = 0; count <= rounds; count++) {
        const isFirst = count === 0;
        const results = await this.#session.run(
          new Map([
            ...feeds,
            ...(isFirst ? [] : contextInputs.flatMap((name) => firstRow(feeds, name))),
            ...uploaded,
            ...state,
            ["resume", truths([!isFirst], [])] as const,
            ["round", integers([Math.max(0, count - 1)], [])] as const,
          ]),
        );
        if (!isFirst) dispose(state);
        state = this.#stateAfter(results);
        yield stepOf(results);
        if (dataOf(results, afterName(ended), Uint8Array).every(Boolean)) return;
      }
    } finally {
      dispose(state);
      dispose(uploaded);
    }
  }

  async close(): Promise<void> {
    await this.#session.close();
    await this.#upload?.close();
  }

  async #uploaded(feeds: Feeds): Promise<Map<string, Tensor>> {
    if (this.#upload === undefined) return new Map();
    const results = await this.#upload.run(feeds);
    const names = [...this.#upload.inputs];
    return new Map(names.map((name) => [name, tensorOf(results, thereName(name))]));
  }

  #stateAfter(results: Results): Map<string, Tensor> {
    const names = [last, ended, ...this.#caches];
    return new Map(names.map((name) => [name, tensorOf(results, afterName(name))]));
  }
}

/** A graph that brings to the device what is the same in every step of a call. */
function openUpload(
  { outputs, cacheNames }: StepGraph,
  used: ReadonlySet<string>,
  options: SessionOptions,
): Promise<Session> {
  const skipped = new Set([...cacheNames, ...contextInputs]);
  const [some] = Object.values(outputs);
  assert(some !== undefined, "a step has outputs");
  const graph = new Graph("float32", some.graph.kernels);
  const given = [...some.graph.inputs].filter(
    ([name, { dtype }]) => used.has(name) && dtype === "float32" && !skipped.has(name),
  );
  const copies = given.map(
    ([name, { dtype, shape }]) => [thereName(name), graph.input(name, dtype, shape)] as const,
  );
  const { profile: _, ...rest } = options;
  const keptOnDevice = copies.map(([name]) => name);
  return Session.open(Object.fromEntries(copies), { ...rest, keptOnDevice });
}

function thereName(name: string): string {
  return `${name} there`;
}

function firstRow(feeds: Feeds, name: string): readonly (readonly [string, Tensor])[] {
  const feed = feeds.get(name);
  if (!(feed?.data instanceof Float32Array)) return [];
  const [, size = 1] = feed.dims;
  return [[name, new Tensor("float32", feed.data.subarray(0, size), [1, size])]];
}

function tensorOf(results: Results, name: string): Tensor {
  const value = results[name];
  assert(value instanceof Tensor, `result ${name} is a tensor`);
  return value;
}

function stepOf(results: Results): Step {
  return {
    tokens: dataOf(results, afterName(last), BigInt64Array),
    logProbs: dataOf(results, "logProb", Float32Array),
    entropies: dataOf(results, "entropy", Float32Array),
  };
}

function dataOf<T>(results: Results, name: string, type: abstract new (...of: never[]) => T): T {
  const data = results[name]?.data;
  assert(data instanceof type, `result ${name} has another type`);
  return data;
}

/** Frees what lies on the device; what lies in the processor's memory is the collector's. */
function dispose(tensors: ReadonlyMap<string, Tensor>): void {
  for (const tensor of tensors.values()) if (tensor.location !== "cpu") tensor.dispose();
}
