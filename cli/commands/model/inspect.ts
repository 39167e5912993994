// `varft model inspect DIR`: what a checkpoint folder holds, and what it will need of memory.
import { inspectModel, type ModelFacts } from "../../../model/index.ts";
import type { Command } from "../../command.ts";
import { exitCodes } from "../../exit.ts";
import type { Colors } from "../../terminal.ts";
import { type Align, byteSize, tableLines, thousands } from "../../text/index.ts";

/** Names of files and tensors that are shown before the rest is counted. */
const namesShownMax = 8;

export const inspect: Command = {
  name: "inspect",
  about: "What a checkpoint holds, and what it will need of memory",
  args: {
    dir: { type: "positional", description: "Folder of a Qwen2.5-VL checkpoint" },
  },
  examples: [
    "varft model inspect models/tiny",
    "varft model inspect Qwen2.5-VL-3B-Instruct --json",
  ],
  async run(words, { terminal, json }) {
    const directory = words.required("dir");
    const facts = await inspectModel(directory);
    const ok = facts.problems.length === 0;
    if (json) terminal.out(`${JSON.stringify(jsonOf(directory, facts))}\n`);
    else terminal.out(`${lines(directory, facts, terminal.colors).join("\n")}\n`);
    return ok ? exitCodes.done : exitCodes.failed;
  },
};

function jsonOf(directory: string, facts: ModelFacts): object {
  const { config, types, problems, ...rest } = facts;
  return {
    ok: problems.length === 0,
    directory,
    architecture: "qwen2_5_vl",
    parameters: totalOf(facts),
    ...config,
    types: Object.fromEntries(types),
    ...rest,
    problems,
  };
}

function totalOf({ parts }: ModelFacts): number {
  return parts.reduce((sum, { parameters }) => sum + parameters, 0);
}

function lines(directory: string, facts: ModelFacts, colors: Colors): readonly string[] {
  const { bold, dim, red } = colors;
  const title = `${bold(directory)}  Qwen2.5-VL, ${inWords(totalOf(facts))} parameters`;
  const heading = (text: string) => ["", bold(text)];
  return [
    title,
    "",
    ...architectureLines(facts),
    ...heading("Parameters"),
    ...partLines(facts, dim),
    ...heading("Files"),
    ...fileLines(facts),
    ...heading("Memory"),
    ...memoryLines(facts),
    ...facts.problems.flatMap((problem) => ["", `${red("problem")}  ${problem}`]),
  ];
}

/** `3.75 billion`. */
function inWords(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} billion`;
  return count >= 1e6 ? `${(count / 1e6).toFixed(2)} million` : thousands(count);
}

function architectureLines({ config, tokenizer, imageTokens }: ModelFacts): readonly string[] {
  const { text, vision } = config;
  const full = vision.fullAttentionLayers.join(", ");
  const { min, max } = imageTokens ?? {};
  const range = min === max ? `${min}` : `${min}–${max}`;
  const perImage = imageTokens === null ? "" : `, ${range} to an image`;
  const rows = [
    [
      "language model",
      `${counted(text.layerCount)} of ${text.hiddenSize} (${text.intermediateSize} inside), ` +
        `${text.headCount} heads of ${text.headSize} on ${text.keyValueHeadCount} for keys and values`,
    ],
    [
      "vision tower",
      `${counted(vision.layerCount)} of ${vision.hiddenSize} (${vision.intermediateSize} inside), ` +
        `${vision.headCount} heads of ${vision.headSize}`,
    ],
    ["", `windows of ${vision.windowSize} pixels, full attention in ${full || "no layer"}`],
    ["image tokens", `${vision.patchSize * vision.mergeSize} pixels square${perImage}`],
    ["vocabulary", vocabularyWords(text, tokenizer)],
    ["head", text.tieEmbeddings ? "the embedding itself (tied)" : "its own"],
  ];
  return tableLines(["", ""], rows).slice(1);
}

const counted = (layers: number) => (layers === 1 ? "1 layer" : `${layers} layers`);

function vocabularyWords(
  { vocabularySize }: ModelFacts["config"]["text"],
  tokenizer: ModelFacts["tokenizer"],
): string {
  const rows = `${thousands(vocabularySize)} rows`;
  if (tokenizer === null) return rows;
  const { size, special, endOfTurn } = tokenizer;
  return `${rows}, ${thousands(size)} tokens, ${special} of them special; ${endOfTurn} ends a turn`;
}

const rightOf = (left: number, right: number): readonly Align[] => [
  ...new Array<Align>(left).fill("left"),
  ...new Array<Align>(right).fill("right"),
];

function partLines(facts: ModelFacts, dim: (text: string) => string): readonly string[] {
  const total = totalOf(facts);
  const rows = facts.parts.map(({ part, tensors, parameters, bytes }) => [
    `  ${part}`,
    String(tensors),
    thousands(parameters),
    `${((100 * parameters) / total).toFixed(1)} %`,
    byteSize(bytes),
  ]);
  const header = ["", "tensors", "parameters", "share", "in files"];
  const [head = "", ...body] = tableLines(header, rows, rightOf(1, 4));
  return [dim(head), ...body];
}

function fileLines({ files, types, unused }: ModelFacts): readonly string[] {
  const rows = files
    .slice(0, namesShownMax)
    .map(({ file, tensors, bytes }) => [`  ${file}`, `${tensors} tensors`, byteSize(bytes)]);
  const more = files.length - rows.length;
  const typed = types.map(([type, bytes]) => `${byteSize(bytes)} of ${type}`).join(", ");
  const names = unused.slice(0, namesShownMax).join(", ");
  return [
    ...tableLines(["", "", ""], rows, rightOf(1, 2)).slice(1),
    ...(more > 0 ? [`  and ${more} more`] : []),
    `  ${typed}`,
    ...(unused.length > 0 ? [`  not used: ${unused.length} tensors (${names})`] : []),
  ];
}

const devices = ["cpu", "cuda", "webgpu"] as const;

function memoryLines({ memory }: ModelFacts): readonly string[] {
  const { sessions, mapped, cacheBytesPer1000, training, activations } = memory;
  const weights = sessions.map(({ role, keptBytes }) => [
    `  weights of the session ${role}`,
    ...devices.map((device) => byteSize(keptBytes[device])),
  ]);
  const rows = [
    ["  keys and values per 1,000 tokens and row", cacheBytesPer1000],
    ...training.map(({ trains, bytes }) => [`  training ${trains}`, bytes]),
    [`  activations of ${thousands(activations.tokens)} tokens (estimate)`, activations.kept],
    ["  the same with learner.recompute (estimate)", activations.recomputed],
  ] as const;
  const cells = rows.map(([what, bytes]) => [String(what), byteSize(Number(bytes))]);
  const widened = sessions.find(({ role }) => role === "generate")?.floatBytes ?? 0;
  const place = mapped
    ? "Weights stay as their files hold them, on the CPU mapped, and are widened where they are used."
    : "Weights are held as float32, each session its own.";
  return [
    ...tableLines(["", ...devices], weights, rightOf(1, devices.length)),
    `  ${place}`,
    ...(mapped
      ? [`  Sampling may hold those of the language model widened: ${byteSize(widened)}.`]
      : []),
    "",
    ...tableLines(["", ""], cells, rightOf(1, 1)).slice(1),
    "  Training counts values, gradient and both moments of AdamW.",
  ];
}
