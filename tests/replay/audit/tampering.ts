// What the tests of tampering share: finding an event of a run, and changing it.
import type { LooseEvent, RunRecord } from "./forge.ts";

export type Data = Record<string, unknown>;
/** Changes a record; answers with the event that must be named. */
export type Change = (record: RunRecord) => LooseEvent;

/** The event number `n` (from 0; from the end where negative) of a type, of which `where` holds. */
export function find(
  { events }: RunRecord,
  type: string,
  n = 0,
  where: (event: LooseEvent) => boolean = () => true,
): LooseEvent {
  const found = events.filter((event) => event.type === type && where(event)).at(n);
  if (found === undefined) throw new Error(`the run has no ${type} ${n}`);
  return found;
}

/** Sets fields of the data of an event; what is set to undefined is left out. */
export const set =
  (type: string, change: (data: Data, record: RunRecord) => Data, n = 0): Change =>
  (record) => {
    const event = find(record, type, n);
    for (const [key, value] of Object.entries(change(event.data, record))) {
      if (value === undefined) delete event.data[key];
      else event.data[key] = value;
    }
    return event;
  };

/** Sets fields of the envelope. */
export const setEnvelope =
  (type: string, change: (event: LooseEvent) => Partial<LooseEvent>, n = 0): Change =>
  (record) => {
    const event = find(record, type, n);
    return Object.assign(event, change(event));
  };

export const remove = ({ events }: RunRecord, event: LooseEvent): void => {
  events.splice(events.indexOf(event), 1);
};

/** Puts a copy of an event, under a command of its own, behind the event `after`. */
export function insert({ events }: RunRecord, event: LooseEvent, after: LooseEvent): LooseEvent {
  const copy = { ...structuredClone(event), command: `${event.command.slice(0, 60)}-two` };
  // Behind the whole append, which would be cut in two else.
  let place = events.indexOf(after) + 1;
  const isSame = (event?: LooseEvent) =>
    event?.stream === after.stream && event.command === after.command;
  while (isSame(events[place])) place++;
  events.splice(place, 0, copy);
  return copy;
}

/** The events of a stream. */
export const ofStream = ({ events }: RunRecord, stream: string) =>
  events.filter((event) => event.stream === stream);

export const isTraining = ({ stream }: LooseEvent) => !stream.includes("/e");

/** The first trajectory that is in a minibatch of the first batch. */
export function trained(record: RunRecord): string {
  const { minibatches, trajectories } = find(record, "batch.assembled").data as {
    minibatches: Int32Array[];
    trajectories: string[];
  };
  return trajectories[minibatches[0]?.[0] ?? -1] ?? "";
}

export const floats = (values: unknown, change: (copy: number[]) => void) => {
  const copy = [...(values as Float32Array)];
  change(copy);
  return Float32Array.from(copy);
};
export const otherPolicy = ({ events }: RunRecord) =>
  events.filter(({ type }) => type === "policy.updated").at(-1)?.data["policyAfter"];

/** What is done, which check must say so, in which words, and how. */
export type Case = readonly [what: string, check: string, words: RegExp, change: Change];
