// `varft audit RUN`: whether a run's directory is whole, consistent, and of known origin.
import { readFile } from "node:fs/promises";
import { ensureError, VarftError } from "../../events/index.ts";
import {
  type AuditProgress,
  type AuditVerdict,
  aboutChecks,
  auditRun,
  verdictOf,
} from "../../replay/index.ts";
import { cutNotes, parseVerifierKey } from "../../storage/index.ts";
import type { Command, CommandContext, Words } from "../command.ts";
import { UsageError } from "../errors.ts";
import { exitCodes } from "../exit.ts";
import { byteSize, duration, rate, thousands } from "../format.ts";
import { checkpointsOf, runDirectory } from "../run-directory.ts";
import { tableLines } from "../table.ts";
import { type Terminal, withoutSteering } from "../terminal.ts";

/** An audit that takes longer tells how far it is, in milliseconds. */
const quietMs = 2_000;
const redrawMs = 500;

export const audit: Command = {
  name: "audit",
  about: "Check that a run's record is whole and consistent, and who signed it",
  args: {
    run: { type: "positional", description: "Name of the run" },
    strict: { type: "boolean", description: "Fail where the origin is not proven" },
    key: {
      type: "string",
      valueHint: "PUBKEY",
      description: "A public key that was kept elsewhere",
    },
    checkpoint: {
      type: "string",
      valueHint: "FILE",
      description: "A checkpoint that was kept elsewhere",
    },
    "print-checkpoint": {
      type: "boolean",
      description: "Print the latest checkpoint, to be kept elsewhere, and check nothing",
    },
  },
  examples: [
    "varft audit RUN",
    "varft audit RUN --print-checkpoint > kept.txt",
    "varft audit RUN --strict --checkpoint kept.txt",
    'varft audit RUN --strict --key "$(cat kept-signing-key.pub)"',
  ],
  async run(words, context) {
    const { terminal, json, runs } = context;
    const name = words.required("run");
    const directory = await runDirectory(runs, name);
    if (words.flag("print-checkpoint")) return printCheckpoint(directory, name, terminal);
    const trust = await trustOf(words);
    const progress = progressLine(context);
    const { signal } = context;
    try {
      const onProgress = (now: AuditProgress) => progress.tell(now);
      const report = await auditRun(directory, { ...trust, onProgress, signal });
      const verdict = verdictOf(report, words.flag("strict"));
      progress.clear();
      if (json) terminal.out(`${JSON.stringify(verdict)}\n`);
      else terminal.out(`${lines(name, verdict, words, terminal).join("\n")}\n`);
      return verdict.ok ? exitCodes.done : exitCodes.verification;
    } finally {
      progress.clear();
    }
  },
};

async function printCheckpoint(directory: string, run: string, terminal: Terminal) {
  const note = cutNotes(await checkpointsOf(directory)).notes.at(-1);
  if (note === undefined) {
    terminal.err(`varft: ${run} has no checkpoint: it was made by a version that signed none.\n`);
    return exitCodes.failed;
  }
  terminal.out(withoutSteering(note));
  return exitCodes.done;
}

/** What the person brings from elsewhere. */
async function trustOf(words: Words) {
  const trustedKey = words.text("key") ?? null;
  const file = words.text("checkpoint");
  if (trustedKey !== null) usable("--key", () => parseVerifierKey(trustedKey));
  if (file === undefined) return { trustedKey, trustedNotes: null };
  const trustedNotes = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new UsageError(`--checkpoint ${file}: ${ensureError(cause).message}`, { cause });
  });
  if (cutNotes(trustedNotes).notes.length === 0) {
    throw new UsageError(
      `--checkpoint ${file}: holds no signed note; varft audit RUN --print-checkpoint makes one`,
    );
  }
  return { trustedKey, trustedNotes };
}

function usable(flag: string, action: () => unknown): void {
  try {
    action();
  } catch (cause) {
    if (!(cause instanceof VarftError)) throw cause;
    throw new UsageError(`${flag}: ${cause.message}; the file signing-key.pub holds one`, {
      cause,
    });
  }
}

function progressLine({ terminal, json, now }: CommandContext) {
  const startMs = now();
  let stage = "";
  let [stageMs, drawnMs] = [startMs, startMs + quietMs - redrawMs];
  let isDrawn = false;
  return {
    tell(progress: AuditProgress): void {
      const nowMs = now();
      if (progress.stage !== stage) [stage, stageMs] = [progress.stage, nowMs];
      if (json || !terminal.isTty || nowMs - drawnMs < redrawMs) return;
      drawnMs = nowMs;
      isDrawn = true;
      const { done, total } = progress;
      const share = Math.max(done / Math.max(total, 1), 1e-9);
      const stageSeconds = (nowMs - stageMs) / 1_000;
      // Of the first moments of a stage nothing can be told.
      const isEarly = nowMs - stageMs < redrawMs;
      const left = isEarly ? "" : `, ${duration(stageSeconds * (1 / share - 1))} left`;
      const counts = `${thousands(done)} of ${thousands(total)} ${stage}`;
      terminal.err(`\r\u001b[Kauditing: ${counts}${left}`);
    },
    clear(): void {
      if (isDrawn) terminal.err("\r\u001b[K");
      isDrawn = false;
    },
  };
}

function lines(run: string, verdict: AuditVerdict, words: Words, { colors }: Terminal): string[] {
  const { ok, events, eventsPerSecond, blobBytes, firstBad, checks, faults } = verdict;
  const rows = Object.entries(checks).map(([check, count]) => {
    const fault = faults[check];
    const what = fault === undefined ? (aboutChecks[check] ?? "") : `wrong at ${placeOf(fault)}`;
    const mark = fault === undefined ? colors.green("ok") : colors.red("NO");
    return [
      count === 0 && fault === undefined ? colors.dim("–") : mark,
      check,
      thousands(count),
      what,
    ];
  });
  const size = `${thousands(events)} events at ${rate(eventsPerSecond)} a second`;
  const [head = "", ...body] = tableLines(["", "check", "checked", ""], rows, [
    "left",
    "left",
    "right",
    "left",
  ]);
  const say = ok ? colors.green : colors.red;
  const bad = firstBad === null ? [] : ["", ...wrongLines(firstBad, colors.red)];
  return [
    `${colors.bold(run)}  ${size}, ${byteSize(blobBytes)} of blobs`,
    "",
    colors.dim(head),
    ...body,
    ...bad,
    "",
    say(conclusion(verdict, words)),
  ];
}

function placeOf({ seq, stream }: NonNullable<AuditVerdict["firstBad"]>): string {
  const place = seq === 0 ? "the ledger as a whole" : `event ${seq}`;
  return withoutSteering(stream === null ? place : `${place} of ${stream}`);
}

function wrongLines(
  bad: NonNullable<AuditVerdict["firstBad"]>,
  red: (text: string) => string,
): string[] {
  return [red(`First wrong: ${placeOf(bad)}`), `  ${withoutSteering(bad.reason)}`];
}

/** One sentence: what the audit comes to. */
function conclusion({ ok, firstBad, origin, events, provenEvents }: AuditVerdict, words: Words) {
  if (firstBad !== null) return "Not consistent.";
  if (origin === "proven") return "Consistent, origin proven.";
  const known = words.text("key") !== undefined || words.text("checkpoint") !== undefined;
  const part =
    provenEvents === 0
      ? ""
      : ` up to event ${thousands(provenEvents)} of ${thousands(events)} it is proven`;
  const mend = known
    ? part || " nothing of it was signed"
    : " --key or --checkpoint, kept elsewhere, would prove it";
  const end = ok ? "" : " (--strict)";
  return `Consistent, origin unproven:${mend}${end}.`;
}
