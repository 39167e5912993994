// What an audit found, for people.
import { type AuditVerdict, aboutChecks } from "../../replay/index.ts";
import type { StageProgress } from "../live/index.ts";
import { type Terminal, withoutSteering } from "../terminal.ts";
import { byteSize, rate, tableLines, thousands } from "../text/index.ts";
import type { Trust } from "./trust.ts";

/** How far an audit is. */
export function auditedWords({ stage, done, total }: StageProgress): string {
  return `${thousands(done)} of ${thousands(total)} ${stage}`;
}

/** The lines of an audit. @param trust what the person brought */
export function auditLines(
  run: string,
  verdict: AuditVerdict,
  trust: Trust,
  { colors }: Terminal,
): string[] {
  const { ok, events, eventsPerSecond, blobBytes, pruned, firstBad, checks, faults } = verdict;
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
    ...(pruned.length === 0 ? [] : ["", ...pruned.map(prunedLine)]),
    "",
    ...(isOther(run, verdict) ? [colors.red(otherLine(run, verdict))] : []),
    say(conclusion(run, verdict, trust)),
  ];
}

function prunedLine({ seq, rule, blobs }: AuditVerdict["pruned"][number]): string {
  return withoutSteering(`${thousands(blobs)} blobs are gone by "${rule}" (event ${seq}).`);
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

/** Whether the record that lies there as `asked` is another run's. */
function isOther(asked: string, { run }: AuditVerdict): boolean {
  return run !== null && run !== asked;
}

function otherLine(asked: string, { run }: AuditVerdict): string {
  return withoutSteering(`This is the record of ${run}, which lies there as ${asked}.`);
}

/** One sentence: what the audit comes to. */
function conclusion(
  run: string,
  verdict: AuditVerdict,
  { trustedKey, trustedNotes }: Trust,
): string {
  const { ok, firstBad, origin, events, provenEvents } = verdict;
  if (firstBad !== null) return "Not consistent.";
  if (origin === "proven") return "Consistent, origin proven.";
  const end = ok ? "" : " (--strict)";
  if (isOther(run, verdict)) return `Consistent, origin of ${run} unproven${end}.`;
  const known = trustedKey !== null || trustedNotes !== null;
  const part =
    provenEvents === 0
      ? ""
      : ` up to event ${thousands(provenEvents)} of ${thousands(events)} it is proven`;
  const mend = known
    ? part || " nothing of it was signed"
    : " --key or --checkpoint, kept elsewhere, would prove it";
  return `Consistent, origin unproven:${mend}${end}.`;
}
