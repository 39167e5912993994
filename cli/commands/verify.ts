// `varft verify FILE`: whether the run in a bundle is whole, consistent and of known origin, and
// comes out again as it is recorded. It needs the file and nothing else.
import { type EventData, streams, TerminalError } from "../../events/index.ts";
import {
  type AuditReport,
  type AuditVerdict,
  adapterFault,
  auditRun,
  claimFault,
  unreadableVerdict,
  verdictOf,
  verifiedVerdict,
} from "../../replay/index.ts";
import {
  adapterFilesIn,
  BundleError,
  type LedgerReader,
  openLedgerReader,
} from "../../storage/index.ts";
import type { Command, CommandContext } from "../command.ts";
import { UsageError } from "../errors.ts";
import {
  auditedWords,
  auditLines,
  findPolicy,
  manifestLines,
  type ReplayTold,
  replayDocument,
  replayLines,
  requireAdapters,
  type Trust,
  trustArgs,
  trustOf,
  type UnpackedRun,
  withTemporaryFolder,
  withUnpacked,
  writeRunAdapter,
} from "../evidence/index.ts";
import { exitCodes } from "../exit.ts";
import { stageLine } from "../live/index.ts";
import { Closers } from "../session/index.ts";
import { withoutSteering } from "../terminal.ts";
import { type ReplayWishes, recomputeArgs, replayWith, wishesOf } from "./replay.ts";

export const verify: Command = {
  name: "verify",
  about: "Audit and replay the run in a bundle; --recompute computes it again",
  args: {
    file: { type: "positional", description: "A file that varft bundle has made" },
    ...trustArgs,
    into: { type: "string", valueHint: "DIR", description: "Keep the run in this folder of runs" },
    adapter: {
      type: "string",
      valueHint: "DIR",
      description: "Write its adapter to this new folder",
    },
    ...recomputeArgs,
    model: {
      ...recomputeArgs.model,
      description: "The checkpoint that the run began with; --recompute needs it",
    },
  },
  examples: [
    "varft verify run.varft.gz",
    'varft verify run.varft.gz --strict --key "$(cat kept-signing-key.pub)"',
    "varft verify run.varft.gz --recompute --model DIR --sample 5%",
    "varft verify run.varft.gz --into runs",
    "varft verify run.varft.gz --adapter DIR",
  ],
  async run(words, context) {
    const wishes: Wishes = {
      strict: words.flag("strict"),
      trust: await trustOf(words),
      replay: { ...wishesOf(words), isForeign: true },
    };
    const { recompute, model } = wishes.replay;
    // What a stranger's file names as its checkpoint is not looked for on this host.
    if (recompute && model === undefined) {
      throw new UsageError("--recompute needs --model DIR: the checkpoint that the run began with");
    }
    const [file, into] = [words.required("file"), words.text("into") ?? null];
    const adapter = words.text("adapter") ?? null;
    try {
      const { ok } = await withUnpacked(file, { into, adapter }, context, async (unpacked) => {
        const found = await verifyRun(unpacked, wishes, context);
        tell(found, wishes.trust, context);
        return found.verdict;
      });
      if (ok && into !== null) context.terminal.err(`kept in ${into}\n`);
      if (ok && adapter !== null) context.terminal.err(`its adapter is in ${adapter}\n`);
      return ok ? exitCodes.done : exitCodes.verification;
    } catch (thrown) {
      if (!(thrown instanceof BundleError) || thrown.code === "bundle-version") throw thrown;
      tellUnreadable(file, unreadableVerdict(thrown), context);
      return exitCodes.verification;
    }
  },
};

interface Wishes {
  readonly strict: boolean;
  readonly trust: Trust;
  readonly replay: ReplayWishes;
}

interface Found {
  readonly unpacked: UnpackedRun;
  readonly verdict: AuditVerdict;
  /** Null where the audit has found the record inconsistent: there is nothing to replay then. */
  readonly replay: ReplayTold | null;
}

async function verifyRun(
  unpacked: UnpackedRun,
  wishes: Wishes,
  context: CommandContext,
): Promise<Found> {
  const { manifest, totals } = unpacked;
  const report = await auditOf(unpacked, wishes.trust, context);
  const audit = verdictOf(report, wishes.strict);
  const reader = await openLedgerReader(unpacked.directory);
  const closers = new Closers();
  try {
    const started = report.firstBad === null ? await startOf(reader, manifest.run) : null;
    const claim =
      report.firstBad === null ? claimFault({ manifest, totals, report, started }) : null;
    const isSound = report.firstBad === null && claim === null;
    const replay = isSound
      ? await replayWith(reader, manifest.run, wishes.replay, context, closers)
      : null;
    const adapter = isSound ? await adapterOf(unpacked, reader) : null;
    const verdict = verifiedVerdict({ audit, claim, adapter, replay: replay?.verdict ?? null });
    return { unpacked, verdict, replay };
  } finally {
    await closers.close();
    await reader.close();
  }
}

/** The adapter, held against what the last recorded policy gives; null: the bundle holds none. */
async function adapterOf(
  { adapter, manifest: { run } }: UnpackedRun,
  reader: LedgerReader,
): Promise<{ readonly files: number; readonly fault: string | null } | null> {
  if (adapter.length === 0) return null;
  const files = adapter.length;
  try {
    const found = await findPolicy(reader, run, null);
    requireAdapters(found);
    const fault = await withTemporaryFolder("varft-adapter-", async (folder) => {
      await writeRunAdapter(found, folder);
      return adapterFault(adapter, await adapterFilesIn(folder));
    });
    return { files, fault };
  } catch (thrown) {
    // What a stranger has recorded need not be a policy.
    if (!(thrown instanceof TerminalError)) throw thrown;
    return { files, fault: `no adapter can be made of the last policy: ${thrown.message}` };
  }
}

async function auditOf(
  { directory, manifest }: UnpackedRun,
  trust: Trust,
  context: CommandContext,
): Promise<AuditReport> {
  const progress = stageLine(context, "auditing", auditedWords);
  try {
    const wasRunning = manifest.state === "running";
    const { signal } = context;
    return await auditRun(directory, { ...trust, wasRunning, onProgress: progress.tell, signal });
  } finally {
    progress.clear();
  }
}

async function startOf(reader: LedgerReader, run: string) {
  const [first] = await reader.readStream(streams.run(run), 1, 1);
  return first?.type === "run.started" ? (first.data as EventData<"run.started">) : null;
}

function tell({ unpacked, verdict, replay }: Found, trust: Trust, context: CommandContext): void {
  const { terminal, json } = context;
  const { manifest, totals, omitted, adapter, fileBytes } = unpacked;
  if (json) {
    const bundle = { bytes: fileBytes, ...totals, omittedBlobs: omitted, adapter, manifest };
    const again = replay === null ? null : replayDocument(replay);
    terminal.out(`${JSON.stringify({ ...verdict, bundle, replay: again })}\n`);
    return;
  }
  const parts = [
    manifestLines(unpacked, fileBytes),
    ...(replay === null ? [] : [replayLines(replay, terminal.colors)]),
    auditLines(manifest.run, verdict, trust, terminal),
  ];
  terminal.out(`${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`);
}

function tellUnreadable(
  file: string,
  verdict: AuditVerdict,
  { terminal, json }: CommandContext,
): void {
  if (json) {
    terminal.out(`${JSON.stringify({ ...verdict, bundle: null, replay: null })}\n`);
    return;
  }
  const reason = withoutSteering(verdict.firstBad?.reason ?? "");
  terminal.out(`${file} is no whole bundle.\n${terminal.colors.red(`  ${reason}`)}\n`);
}
