// `varft prune RUN --keep RULE`: large blobs that a rule does not keep are recorded as pruned and
// removed, and the files made smaller.
import { restoreRunConfig } from "../../config/index.ts";
import type { HashName } from "../../events/index.ts";
import {
  choosePruning,
  type KeepRules,
  type Pruning,
  parseKeepRules,
  recordPruning,
} from "../../replay/index.ts";
import {
  type Compaction,
  type LedgerReader,
  openCheckpointLog,
  openLedgerReader,
  openSigningKey,
  openUpkeep,
  type Upkeep,
} from "../../storage/index.ts";
import type { Command, CommandContext } from "../command.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import { runDirectory, signingKeyOf } from "../run/index.ts";
import type { Colors } from "../terminal.ts";
import { byteSize, tableLines, thousands } from "../text/index.ts";

export const prune: Command = {
  name: "prune",
  about: "Remove large blobs by a rule that the run records, and make its files smaller",
  args: {
    run: { type: "positional", description: "Name of the run" },
    keep: {
      type: "string",
      valueHint: "KIND=RULE",
      description:
        "What stays: of gradients, policies or optimizers none, last:N or every:N; repeatable",
    },
    "dry-run": { type: "boolean", description: "Tell what would go, and change nothing" },
  },
  examples: [
    "varft prune RUN --keep gradients=none --dry-run",
    "varft prune RUN --keep gradients=last:10 --keep policies=every:20 --keep optimizers=last:1",
  ],
  async run(words, context) {
    const { terminal, json, runs } = context;
    const rules = parseKeepRules(words.list("keep"));
    if (rules.size === 0) {
      throw new UsageError("varft prune needs --keep KIND=RULE, such as --keep gradients=none");
    }
    const run = words.required("run");
    const directory = await runDirectory(runs, run);
    const isDry = words.flag("dry-run");
    const outcome = isDry
      ? { pruning: await foresee(directory, run, rules), files: null }
      : await carryOut(directory, run, rules, context);
    if (json) terminal.out(`${JSON.stringify(documentOf(run, isDry, outcome))}\n`);
    else terminal.out(`${lines(run, isDry, outcome, terminal.colors).join("\n")}\n`);
    return 0;
  },
};

interface Outcome {
  readonly pruning: Pruning;
  /** Null where nothing was done. */
  readonly files: Compaction | null;
}

async function foresee(directory: string, run: string, rules: KeepRules): Promise<Pruning> {
  const reader = await openLedgerReader(directory);
  try {
    return await choose(reader, (name) => reader.blobBytes(name), run, rules);
  } finally {
    await reader.close();
  }
}

async function choose(
  reader: Pick<LedgerReader, "readAll">,
  bytesOf: (name: HashName) => number | null,
  run: string,
  rules: KeepRules,
): Promise<Pruning> {
  const pruning = await choosePruning(reader, bytesOf, rules);
  if (pruning !== null) return pruning;
  throw new NotFoundError(`the run "${run}" was never started: there is nothing to prune`);
}

async function carryOut(
  directory: string,
  run: string,
  rules: KeepRules,
  context: CommandContext,
): Promise<Outcome> {
  const say = (text: string) => {
    if (context.terminal.isTty && !context.json) context.terminal.err(`${text} …\n`);
  };
  const upkeep = await openUpkeep(directory, { clock: context.clock });
  try {
    const { ledger } = upkeep;
    const pruning = await choose(ledger, (name) => upkeep.blobBytes(name), run, rules);
    await recordPruning(ledger, pruning);
    await sign(upkeep, directory, pruning);
    await upkeep.removeBlobs(pruning.kinds.flatMap(({ names }) => names));
    say("writing the files anew without what was removed");
    return { pruning, files: await upkeep.compact() };
  } finally {
    await upkeep.close();
  }
}

/** The run's key vouches for what was recorded, as it does for the rest. */
async function sign(upkeep: Upkeep, directory: string, { run, started }: Pruning): Promise<void> {
  const { ledger } = upkeep;
  const key = await openSigningKey(signingKeyOf(directory, restoreRunConfig(started.config)));
  const log = await openCheckpointLog({ directory, run, ledger, key });
  try {
    await log.sign();
  } finally {
    await log.close();
  }
}

function documentOf(run: string, isDry: boolean, { pruning, files }: Outcome) {
  const { rule, kinds, needed } = pruning;
  const counts = kinds.map(({ kind, names, bytes }) => [kind, { blobs: names.length, bytes }]);
  const facts = { type: "result", run, rule, dryRun: isDry };
  return { ...facts, pruned: Object.fromEntries(counts), needed, files };
}

function lines(run: string, isDry: boolean, { pruning, files }: Outcome, colors: Colors): string[] {
  const { rule, kinds, needed } = pruning;
  const rows = kinds.map(({ kind, names, bytes }) => [
    kind,
    thousands(names.length),
    byteSize(bytes),
  ]);
  const [head = "", ...body] = tableLines(["", "blobs", "size"], rows, ["left", "right", "right"]);
  const verb = isDry ? "would prune" : "pruned";
  const told =
    kinds.length === 0
      ? [`Nothing of ${run} goes by "${rule}".`]
      : [`${verb} of ${run} by "${rule}"`, "", colors.dim(head), ...body];
  const more = kinds.length === 0 ? "" : " more";
  const stay = needed === 1 ? "stays: the run needs it" : "stay: the run needs them";
  const kept = needed === 0 ? [] : ["", `${thousands(needed)}${more} ${stay} to go on.`];
  const sizes =
    files === null
      ? []
      : ["", `Its files: ${byteSize(files.bytesBefore)} → ${byteSize(files.bytesAfter)}`];
  return [...told, ...kept, ...sizes];
}
