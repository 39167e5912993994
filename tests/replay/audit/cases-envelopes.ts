// Tampering with what events are, and with who wrote them.
import { hashName } from "../../../events/index.ts";
import { noBlob } from "./forge.ts";
import { type Case, find, ofStream, set, setEnvelope } from "./tampering.ts";

export const envelopeCases: readonly Case[] = [
  // What is no event of a run.
  [
    "an unknown type",
    "authors",
    /no turn\.invented belongs/,
    setEnvelope("turn.sampled", () => ({ type: "turn.invented" }), 3),
  ],
  [
    "a type of another actor",
    "authors",
    /no reward\.assigned belongs into this stream/,
    (record) => {
      const reward = find(record, "reward.assigned", 4);
      reward.stream = "learner/tiny";
      return reward;
    },
  ],
  [
    "a version to come",
    "events",
    /it is step\.planned version 2, this varft knows it up to 1: read it with the varft/,
    setEnvelope("step.planned", () => ({ v: 2 }), 1),
  ],
  [
    "a key too many",
    "events",
    /Unrecognized key/,
    set("policy.updated", () => ({ note: "trust me" })),
  ],
  [
    "a key too few",
    "events",
    /does not fit its schema/,
    set("policy.updated", () => ({ policyAfter: undefined as never })),
  ],
  [
    "an image that was never stored",
    "blobs",
    /it is not there/,
    set("tool.returned", () => ({ image: noBlob }), 2),
  ],
  // Who wrote it.
  [
    "an author",
    "authors",
    /"somebody" wrote it/,
    setEnvelope("batch.assembled", () => ({ by: "somebody" })),
  ],
  [
    "an event of another run",
    "authors",
    /it is of the run other/,
    (record) => {
      const first = find(record, "trajectory.started", 3);
      for (const event of ofStream(record, first.stream)) {
        event.stream = event.stream.replace("/tiny/", "/other/");
      }
      return first;
    },
  ],
  [
    "an event under a lease that was lost",
    "epochs",
    /was written in epoch 1 of group\/tiny\/1\.0, after epoch 2 began/,
    (record) => {
      const [first, second] = record.events.filter(({ stream }) =>
        stream.startsWith("trajectory/tiny/1.0."),
      );
      if (first === undefined || second === undefined) throw new Error("a group has events");
      first.epoch = 2;
      record.leases = record.leases.map((lease) => ({ ...lease, epoch: lease.epoch + 1 }));
      return second;
    },
  ],
  [
    "a cause that comes later",
    "causes",
    /no earlier event is its cause/,
    (record) => {
      const event = find(record, "turn.sampled", 2);
      event.cause = hashName(Buffer.from("no event")).slice("sha256:".length);
      return event;
    },
  ],
];
