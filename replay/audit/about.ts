// What each check has found true, in words for people.
import { dataChecks, envelopeChecks } from "./checks/index.ts";

/** By the name of a check. */
export const aboutChecks: Readonly<Record<string, string>> = {
  chain: "the stored bytes give the chain's hash",
  checkpoints: "what was signed is what the chain gives",
  ids: "ids follow from stream, command and place",
  streams: "every append is found by its stream",
  commands: "every append is found by its command",
  events: "every event is one of the vocabulary, its data as they must be",
  ...Object.fromEntries([...envelopeChecks, ...dataChecks].map(({ name, about }) => [name, about])),
  leases: "who wrote held the lease, and had registered",
  blobs: "every blob that an event names is there, its bytes as its name says",
  bundle: "what the bundle says of itself is what its events say",
  adapter: "the bundle's adapter is the one that the last recorded policy gives",
  replay: "decided again, everything comes out as it is recorded",
  reading: "the files can be read to their end",
};
