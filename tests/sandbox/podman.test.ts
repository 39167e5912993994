// The sandbox on Podman's Docker-compatible socket.
import { escapes } from "./abuse/escapes.ts";
import { resources } from "./abuse/resources.ts";
import { Podman, whyNoPodman } from "./engines/podman.ts";
import { engineSuites } from "./engines/suites.ts";

// Podman takes no number of files for a tmpfs: there memory bounds them. And it does not say that
// memory was what ended a container: such a loss is repeated.
const unsaid = ["all inodes", "deep folders", "memory that makes the runner the largest process"];

engineSuites({
  name: "podman",
  whyNot: whyNoPodman,
  open: (image) => Podman.open(image),
  abuses: [...resources, ...escapes].filter(({ what }) => !unsaid.includes(what)),
});
