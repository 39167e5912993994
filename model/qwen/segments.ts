// The learn graph cut into stages, so that a long backward pass needs the activations of one stage
// at a time: each stage is one run, its input is kept, and its inner activations are computed again
// when its gradient is due. All stages live in one graph, hence weights are held once.
//
// Stages must be separate runs: within one run onnxruntime merges the second computation with the
// first and keeps everything.
import type { Node } from "../graph/index.ts";
import {
  branch,
  dimension,
  equal,
  gradients,
  productOf,
  reachedParameters,
  scalar,
} from "../graph/index.ts";
import { embedTokens, encodedImages, imagePlaces } from "./decoder.ts";
import {
  decoderLayers,
  gradientName,
  learnContext,
  nothingLike,
  scoreTokens,
  towerLearns,
} from "./learn.ts";
import { VisionTower } from "./vision.ts";
import type { Weights } from "./weights.ts";

/** What flows between stages: `tower` states [patches, hidden], `text` states [tokens, hidden]. */
export type StateKind = "tower" | "text";

/** One stage as its runner sees it. */
export interface StagePlan {
  /** The state it takes; the first stage takes none. */
  readonly input: StateKind | undefined;
  /** The state it gives; the last stage gives the loss instead. */
  readonly output: StateKind | undefined;
}

/** A graph in stages: outputs by name, and the stages in order. */
export interface SegmentedGraph {
  readonly outputs: Record<string, Node>;
  readonly stages: readonly StagePlan[];
}

interface Stage extends StagePlan {
  /** Its outputs by public name. */
  readonly results: Readonly<Record<string, Node>>;
  /** The output whose gradient comes back: its state, or the loss. */
  readonly end: Node;
}

/** Name of the input that holds a state, and of the one that holds a state's gradient. */
export function stateName(kind: StateKind): string {
  return `${kind}State`;
}

/** See `stateName`. */
export function stateGradientName(kind: StateKind): string {
  return `${kind}StateGradient`;
}

/**
 * Outputs as `learnOutputs`, plus `state` and `stateGradient`. The input `stage` (int64) says which
 * stage runs, `wantGradient` whether its gradient is computed from the gradient of its output.
 */
export function segmentedOutputs(weights: Weights): SegmentedGraph {
  const { graph } = weights;
  const stages = buildStages(weights);
  const wanted = graph.input("wantGradient", "bool", []);
  const number = graph.input("stage", "int64", []);
  const cases = stages.map((stage) => withGradients(weights, stage, wanted));
  const blanks = new Map<string, Node>();
  for (const [name, node] of cases.flatMap((results) => Object.entries(results)))
    blanks.set(name, nothingLike(node));
  const names = [...blanks.keys()];
  const lists: (readonly Node[])[] = cases.map((results) =>
    names.flatMap((name) => results[name] ?? blanks.get(name) ?? []),
  );
  const selected = lists.reduceRight((otherwise, then, index) =>
    branch(equal(number, scalar(graph, index, "int64")), then, otherwise),
  );
  const outputs = names.map((name, index) => [name, selected[index] as Node]);
  return { outputs: Object.fromEntries(outputs), stages };
}

/** The outputs of a stage and its gradients, which are empty unless `wanted`. */
function withGradients(weights: Weights, stage: Stage, wanted: Node): Record<string, Node> {
  const { graph } = weights;
  const { input, output, end, results } = stage;
  const seed =
    output === undefined
      ? scalar(graph, 1)
      : graph.input(stateGradientName(output), graph.float, end.shape);
  const targets: [string, Node][] = [...weights.trainable].map(([name, node]) => [
    gradientName(name),
    node,
  ]);
  if (input !== undefined) targets.push(["stateGradient", stateInput(weights, input)]);
  const nodes = reachedParameters(
    [end],
    targets.map(([, node]) => node),
  );
  const reached = targets.filter(([, node]) => nodes.has(node));
  if (reached.length === 0) return results;
  const slopes = gradients(
    [[end, seed]],
    reached.map(([, node]) => node),
  );
  const given = branch(wanted, slopes, slopes.map(nothingLike));
  const named = reached.map(([name], index) => [name, given[index] as Node]);
  return { ...results, ...Object.fromEntries(named) };
}

function stateInput({ graph, config }: Weights, kind: StateKind): Node {
  const { text, vision } = config;
  const shape =
    kind === "tower"
      ? [productOf(vision.mergeSize ** 2, dimension("units")), vision.hiddenSize]
      : [productOf(dimension("rows"), dimension("length")), text.hiddenSize];
  return graph.input(stateName(kind), graph.float, shape);
}

function buildStages(weights: Weights): Stage[] {
  const { text, vision } = weights.config;
  const context = learnContext(weights);
  const tower = towerLearns(weights) ? new VisionTower(weights) : undefined;
  const stages: Stage[] = [];
  if (tower !== undefined) {
    for (const [start, end] of pieces(vision.layerCount)) {
      const input = start === 0 ? undefined : "tower";
      const x = input === undefined ? tower.embed() : stateInput(weights, input);
      stages.push(stateStage(input, "tower", tower.layers(x, start, end)));
    }
  }
  const images = tower?.merge(stateInput(weights, "tower")) ?? encodedImages(weights);
  const embedded = embedTokens(weights, context.ids, imagePlaces(weights, images));
  stages.push(stateStage(tower && "tower", "text", embedded));
  for (const [start, end] of pieces(text.layerCount)) {
    const hidden = decoderLayers(weights, stateInput(weights, "text"), context, start, end);
    stages.push(stateStage("text", "text", hidden));
  }
  const scored = scoreTokens(weights, stateInput(weights, "text"));
  stages.push({ input: "text", output: undefined, results: { ...scored }, end: scored.loss });
  return stages;
}

function stateStage(input: StateKind | undefined, output: StateKind, state: Node): Stage {
  return { input, output, results: { state }, end: state };
}

/** Layers cut into pieces `[start, end)` that balance kept inputs against computing again. */
function pieces(layerCount: number): readonly (readonly [start: number, end: number])[] {
  const size = Math.max(1, Math.round(Math.sqrt(layerCount)));
  return Array.from({ length: Math.ceil(layerCount / size) }, (_, piece) => [
    piece * size,
    Math.min(layerCount, (piece + 1) * size),
  ]);
}
