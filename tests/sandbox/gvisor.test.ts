// The sandbox with gVisor between programs and the host's kernel (`runtime = "runsc"`).
import { escapes } from "./abuse/escapes.ts";
import { resources } from "./abuse/resources.ts";
import { Dockerd, whyNoDockerd } from "./engines/dockerd.ts";
import { engineSuites } from "./engines/suites.ts";
import { programAt } from "./engines/types.ts";

const path = await programAt("/usr/local/bin/runsc", "/usr/bin/runsc");

/**
 * gVisor's own kernel knows no way to say these, or answers for itself where no host is touched.
 */
const itsOwn = [
  // Files live in its memory, which the container's bounds.
  ...["all inodes", "deep folders"],
  // There is no descriptor of a process.
  "tracing the runner",
  // Its log is a joke of its own, its nodes lead nowhere, its memory has no scores.
  "modules of the kernel, its log, its power",
  ...["device nodes, made and present", "switches of the kernel"],
  // It leaves our list of system calls to itself: there are namespaces and sockets, of a network
  // without interfaces.
  ...["sockets of every family", "namespaces, mounts and roots"],
];

engineSuites({
  name: "gVisor",
  whyNot: whyNoDockerd ?? (path === null ? "runsc is not installed" : null),
  open: (image) => Dockerd.open(image, { runtimes: { runsc: { path } } }),
  options: { runtime: "runsc" },
  abuses: [...resources, ...escapes]
    .filter(({ what }) => !itsOwn.includes(what))
    // The host counts its whole kernel as the program: more than there may be ends the container.
    .map((abuse) => ({
      ...abuse,
      endsRunner: true,
      ...(abuse.what.startsWith("a fork bomb") ? { orCause: "out-of-memory" as const } : {}),
    })),
});
