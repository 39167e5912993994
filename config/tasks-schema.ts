// `[tasks]`: where tasks come from, one source or a mixture of them, and `[rollout]`'s protocol, in
// which they are asked.
import { z } from "zod";

const path = z.string().min(1);
const key = z.string().min(1);

/** Sources of a mixture. */
const sourcesMax = 64;

const rowsShared = {
  /** JSON, JSON lines or Parquet. */
  file: path,
  /**
   * The folder that the rows' image names are relative to. Left out: the one that official files
   * have beside them (`<name>_images` or `<name>-image`), else the file's own.
   */
  images: path.optional(),
  /** Bad rows are left out, named and counted; else they end the run before it begins. */
  badRowsAllowed: z.boolean().default(false),
  /** Rows are taken in a new order each time round, drawn from the run's seed, or as they stand. */
  order: z.enum(["shuffled", "file"]).default("shuffled"),
} as const;

/** Share of the rows, by the hash of their ids, that is the evaluation set `heldout`. */
const heldoutShare = (share: number) => z.number().min(0).max(1).default(share);
const heldoutShareOfRows = 0.2;

const mini = { type: z.literal("mini") } as const;

/** MAT-Coding, MAT-Search, and the text benchmarks: told by their keys. */
const rows = {
  type: z.literal("rows"),
  ...rowsShared,
  heldoutShare: heldoutShare(heldoutShareOfRows),
} as const;

/** Visual-ARFT's training rows, of either task. */
const training = {
  type: z.literal("visual-arft-training"),
  ...rowsShared,
  heldoutShare: heldoutShare(0),
  /** The questions, which the agent plays whole, or each of the teacher's steps by itself. */
  play: z.enum(["episodes", "steps"]).default("episodes"),
} as const;

/** Rows of one's own, read by the keys that are named. */
export const mapped = {
  type: z.literal("mapped"),
  ...rowsShared,
  heldoutShare: heldoutShare(heldoutShareOfRows),
  /** What the agent is to do: its instructions follow from it. */
  task: z.enum(["coding", "search"]),
  fields: z.strictObject({
    question: key,
    /** A text or a list of texts. */
    answers: key,
    id: key.optional(),
    image: key.optional(),
    /** The image as the right repair would give it. */
    reference: key.optional(),
    /** Its trouble (`dark`, `rotation90+dark`), or any word to tell results apart by. */
    kind: key.optional(),
    /** Searches that lead to the answer: a text or a list of texts. */
    queries: key.optional(),
  }),
} as const;

const named = {
  /** Its evaluation sets are `<name>/<set>`. */
  name: z.string().regex(/^[a-z0-9-]+$/, "use small letters, digits and dashes"),
  /** How often it is drawn, among the others; 0: for evaluations only. */
  weight: z.number().min(0).default(1),
} as const;

const source = z.discriminatedUnion("type", [
  z.strictObject({ ...named, ...mini }),
  z.strictObject({ ...named, ...rows }),
  z.strictObject({ ...named, ...training }),
  z.strictObject({ ...named, ...mapped }),
]);

/** Where tasks come from. */
export const tasks = z.discriminatedUnion("type", [
  z.strictObject(mini),
  z.strictObject(rows),
  z.strictObject(training),
  z.strictObject(mapped),
  z.strictObject({
    type: z.literal("mixture"),
    sources: z.array(source).min(1).max(sourcesMax),
  }),
]);

/** Of `[rollout]`. */
export const protocolKeys = {
  /**
   * `chat`: the published instructions, then message by message. `reference`: one user message that
   * grows, as the published evaluation sends it. `short`: the mini benchmark's own few words.
   * Left out: `short` for the mini benchmark, else `chat`.
   */
  protocol: z.enum(["chat", "reference", "short"]).optional(),
  /** `reference`: a crop's box is the question's, whatever box the program asks for. */
  cropOracle: z.enum(["off", "reference"]).default("off"),
} as const;

type Tasks = z.infer<typeof tasks>;
export type TaskSourceConfig = Exclude<Tasks, { type: "mixture" }>;

/** The sources, one or more. */
export function sourcesOf(given: Tasks): readonly TaskSourceConfig[] {
  return given.type === "mixture" ? given.sources : [given];
}

type Protocol = "chat" | "reference" | "short";

interface Asked {
  readonly rollout: { readonly protocol?: Protocol | undefined };
  readonly tasks: Tasks;
}

/** The protocol in which a run's tasks are asked. */
export function protocolOf({ rollout, tasks: given }: Asked): Protocol {
  const isMini = sourcesOf(given).every(({ type }) => type === "mini");
  return rollout.protocol ?? (isMini ? "short" : "chat");
}
