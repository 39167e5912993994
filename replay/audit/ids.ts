// The ids of events follow from their stream, their command and their place among its events.
import { type EnvelopeFrame, eventId } from "../../events/index.ts";
import type { Findings } from "./findings.ts";

export const idCheck = "ids";

export class IdAudit {
  readonly #findings: Findings;
  #stream = "";
  #command = "";
  #index = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
    findings.declare(idCheck);
  }

  /** The next event. Those of a command stand together, as they were appended. */
  take(global: number, { id, stream, command }: EnvelopeFrame): void {
    const goesOn = stream === this.#stream && command === this.#command;
    this.#index = goesOn ? this.#index + 1 : 0;
    this.#stream = stream;
    this.#command = command;
    this.#findings.count(idCheck);
    // A name with a line break in it has no id at all.
    const isNamed = !stream.includes("\n") && !command.includes("\n");
    if (isNamed && id === eventId(stream, command, this.#index)) return;
    const reason = "its id is not that of its stream, command and place";
    this.#findings.add(idCheck, global, stream, reason);
  }
}
