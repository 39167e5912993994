// The lease rows: nobody wrote in an epoch that was never given, and who holds a lease now is the
// head or a worker that the run had registered.
import { parseTrajectory } from "../../events/index.ts";
import { differenceOf } from "../../runtime/index.ts";
import type { Lease } from "../../storage/index.ts";
import type { Book } from "./book.ts";
import type { Findings } from "./findings.ts";
import { settingsOf } from "./settings.ts";

const check = "leases";
/** Who holds what no worker plays. */
const headHolder = "head";

/**
 * Compares the lease rows with what was written under them.
 * @param isStill nobody wrote meanwhile, so that whoever holds a lease must have registered
 */
export function auditLeases(
  leases: Iterable<Lease>,
  book: Book,
  findings: Findings,
  isStill: boolean,
): void {
  findings.declare(check);
  const found = new Map<string, Lease>();
  for (const lease of leases) {
    findings.count(check);
    found.set(lease.name, lease);
    const reason = isStill ? holderFault(lease, book) : null;
    if (reason !== null) findings.addWhole(check, `${lease.name}: ${reason}`);
  }
  for (const [name, { epoch }] of book.leases) {
    if (epoch === 0) continue;
    const lease = found.get(name);
    if (lease !== undefined && lease.epoch >= epoch) continue;
    const stands = lease === undefined ? "there is no such lease" : `it stands at ${lease.epoch}`;
    const reason = `${name}: events were written in epoch ${epoch}, and ${stands}`;
    findings.addWhole(check, reason);
  }
}

function holderFault({ name, holder }: Lease, book: Book): string | null {
  const [kind = "", run] = name.split("/", 2);
  if (book.run !== null && kind !== "actor" && run !== book.run.run) {
    return `it is no lease of this run, ${book.run.run}`;
  }
  const isWorkers = kind === "group" || kind === "learner" || parseTrajectory(name) !== null;
  if (!isWorkers) return holder === headHolder ? null : `${holder} holds it, and not the head`;
  // Behind the worker's name stand its host and process.
  const numericClass = book.workers.get(holder.split("/", 1)[0] ?? "");
  if (numericClass === undefined) return `${holder} holds it, who never registered`;
  if (book.run === null || !settingsOf(book).strict) return null;
  const difference = differenceOf(numericClass, book.run.numericClass);
  return difference === null ? null : `${holder} holds it, who is of another class: ${difference}`;
}
